// simt.h: enough of CUDA's C++ to run a kernel file on the host, compiled by g++, one fiber a device thread
//
// What is emulated  thread blocks with barriers; warps of 32 with shuffles, votes, __syncwarp and mma of bf16; static and dynamic
//                   shared memory, filled with NaN patterns before each block; atomics. Floating point is the host's, without
//                   contraction to fused multiply-adds.
// What is stricter  Every thread of a block must reach each barrier, and every lane of a mask each warp operation; a lane
//                   never runs ahead in step with its warp; a thread that exits while others wait is an error. A launch
//                   that breaks a limit of compute capability 8.0 is refused. A kernel that may begin before the launch
//                   before has ended finds NaN patterns in all arrays but weights until it has waited, and may not have
//                   written there.
// Order             Threads run one at a time. In some launches a warp runs until all of its threads wait at a barrier or have
//                   ended, then the next one; in others the warps take turns at every warp operation. Within a warp a lane
//                   runs to the next warp operation, then the next lane. Warps, lanes and blocks come in ascending,
//                   descending or shuffled order. All of this changes from launch to launch: a missing barrier, or memory
//                   that two warps share by mistake, shows as a result that depends on it.
// Not emulated      time, caches, memory models weaker than one thread at a time, textures, cooperative launches,
//                   asynchronous copies; how tensor cores round, since a sum of mma is rounded once here.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("simt_shared")))
#define SIMT 1

struct uint3 { unsigned int x, y, z; };
struct dim3 { unsigned int x, y, z; };
struct alignas(16) uint4 { unsigned int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

namespace simt {

struct Thread;

/** What the running thread sees of itself and its launch. */
struct View {
    uint3 thread;
    uint3 block;
    dim3 blockSize;
    dim3 gridSize;
    int lane;
    unsigned char* dynamicShared;
    Thread* self;
};
extern View view;

void block_barrier();
/** A barrier of the block behind which all that was launched before is done; what {@code hide} hid until then shows. */
void wait_for_launch_before();
/** Waits for every lane of the mask; the values they offered, by lane, stay readable until this lane's next warp operation. */
const uint64_t* warp_exchange(unsigned int mask, uint64_t offered);
[[noreturn]] void fail(const char* what);

using Entry = void (*)(void** arguments);
struct Registrar {
    Registrar(const char* name, Entry entry);
};

template <typename... P, size_t... I>
void call(void (*kernel)(P...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<P>*>(arguments[I])...);
}
template <typename... P>
void call(void (*kernel)(P...), void** arguments) {
    call(kernel, arguments, std::index_sequence_for<P...>{});
}

template <typename T>
uint64_t bits(T value) {
    static_assert(sizeof(T) <= 8, "a warp exchanges at most 8 bytes a lane");
    uint64_t all = 0;
    std::memcpy(&all, &value, sizeof(T));
    return all;
}
template <typename T>
T value(uint64_t bits) {
    T result;
    std::memcpy(&result, &bits, sizeof(T));
    return result;
}

}  // namespace simt

#define SIMT_KERNEL(name) \
    static void simt_entry_##name(void** arguments) { simt::call(name, arguments); } \
    static simt::Registrar simt_registrar_##name(#name, simt_entry_##name);

#define threadIdx (simt::view.thread)
#define blockIdx (simt::view.block)
#define blockDim (simt::view.blockSize)
#define gridDim (simt::view.gridSize)
#define warpSize 32

inline void __syncthreads() { simt::block_barrier(); }
inline void __syncwarp(unsigned int mask = 0xffffffffu) { simt::warp_exchange(mask, 0); }

template <typename T>
T __shfl_sync(unsigned int mask, T v, int lane) {
    const uint64_t* all = simt::warp_exchange(mask, simt::bits(v));
    int source = lane & 31;
    if (!(mask >> source & 1)) simt::fail("shuffle from a lane outside the mask");
    return simt::value<T>(all[source]);
}
template <typename T>
T __shfl_xor_sync(unsigned int mask, T v, int bits) {
    return __shfl_sync(mask, v, simt::view.lane ^ bits);
}
template <typename T>
T __shfl_up_sync(unsigned int mask, T v, unsigned int by) {
    int source = simt::view.lane - int(by);
    return __shfl_sync(mask, v, source < 0 ? simt::view.lane : source);
}
inline unsigned int __ballot_sync(unsigned int mask, int predicate) {
    const uint64_t* all = simt::warp_exchange(mask, predicate != 0);
    unsigned int votes = 0;
    for (int lane = 0; lane < 32; lane++) votes |= (mask >> lane & 1 && all[lane]) ? 1u << lane : 0;
    return votes;
}
namespace simt {

inline double bf16(uint64_t word, int half) { return value<float>(unsigned(half ? word & 0xffff0000u : word << 16)); }

/**
 * sums += a b as mma.sync.m16n8k16 in bf16 defines it: every element's factors are looked up with the lanes that hold them. Lane
 * 4 g + t holds rows g and g + 8 of a and of the sums, column g of b, and of what is left the places 2 t, 2 t + 1 and, in a and b,
 * those plus 8.
 */
inline void mma_m16n8k16_bf16(float (&sums)[4], const unsigned int (&a)[4], const unsigned int (&b)[2]) {
    uint64_t left[2][32];
    uint64_t right[32];
    for (int columns = 0; columns < 2; columns++) {
        std::memcpy(left[columns], warp_exchange(0xffffffffu, a[2 * columns] | uint64_t(a[2 * columns + 1]) << 32), 256);
    }
    std::memcpy(right, warp_exchange(0xffffffffu, b[0] | uint64_t(b[1]) << 32), 256);
    for (int i = 0; i < 4; i++) {
        int row = view.lane / 4 + i / 2 * 8;
        int column = view.lane % 4 * 2 + i % 2;
        double sum = sums[i];
        for (int d = 0; d < 16; d++) {
            int pair = d % 8 / 2;
            uint64_t x = left[d / 8][row % 8 * 4 + pair] >> (row < 8 ? 0 : 32);
            uint64_t y = right[column * 4 + pair] >> (d < 8 ? 0 : 32);
            sum += bf16(x, d % 2) * bf16(y, d % 2);
        }
        sums[i] = float(sum);
    }
}

}  // namespace simt

template <typename T>
T atomicAdd(T* address, T by) { T before = *address; *address = before + by; return before; }
inline int __popc(unsigned int v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
/** A load that asks for early eviction. */
template <typename T>
T __ldcs(const T* address) { return *address; }
inline int __clz(int v) { return v == 0 ? 32 : __builtin_clz(unsigned(v)); }
inline unsigned int __float_as_uint(float v) { return simt::value<unsigned int>(simt::bits(v)); }
inline float __uint_as_float(unsigned int v) { return simt::value<float>(simt::bits(v)); }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
