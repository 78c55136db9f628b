// shared.cuh: dynamic shared memory, by one name on the device and in the emulation
#pragma once

/** Declares {@code name} as the block's dynamic shared memory, on a 16-byte boundary. */
#ifdef SIMT
#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(simt::view.dynamicShared)
#else
#define DYNAMIC_SHARED(type, name)                                \
    extern __shared__ __align__(16) unsigned char dynamicShared[]; \
    type* name = reinterpret_cast<type*>(dynamicShared)
#endif

/**
 * The place of something in shared memory as a number, and back. A kernel that computes with numbers gets loads that add a
 * constant for free; with pointers the compiler adds up the distances first and the base last, an instruction each.
 */
#ifdef SIMT
static __device__ inline unsigned int shared_place(const void* pointer) {
    return static_cast<unsigned int>(static_cast<const unsigned char*>(pointer) - simt::view.dynamicShared);
}
static __device__ inline const unsigned char* shared_pointer(unsigned int place) { return simt::view.dynamicShared + place; }
#else
static __device__ __forceinline__ unsigned int shared_place(const void* pointer) {
    return static_cast<unsigned int>(__cvta_generic_to_shared(pointer));
}
static __device__ __forceinline__ const unsigned char* shared_pointer(unsigned int place) {
    return static_cast<const unsigned char*>(__cvta_shared_to_generic(place));
}
#endif
