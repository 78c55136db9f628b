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
