// early.cuh: launches that begin before the one before them has ended
//
// Programmatic dependent launch, compute capability 9.0: the file is compiled for compute_90, too, and a recording launches that
// image so that a kernel may begin as soon as the one before lets it. Before wait_for_launch_before() a kernel reads only
// what no launch of a recording writes, which is weights, and writes nothing; behind it all that was launched before is done.
// Every thread waits, so that what is done is done in the order of launches.
#pragma once

/** The next launch may take the room that is free from here on. */
static __device__ __forceinline__ void let_next_launch_begin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

static __device__ __forceinline__ void wait_for_launch_before() {
#ifdef SIMT
    simt::wait_for_launch_before();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
