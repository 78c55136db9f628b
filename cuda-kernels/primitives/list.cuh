// list.cuh: the numbers of 0 .. n - 1 that fulfil a condition, ascending
#pragma once

#include "reduce.cuh"

/**
 * Lists the first of them, at most so many; how many there are, or {@code most}. All threads of a block of full warps call it; counts is
 * shared memory for a number a warp. What is listed may be read at once.
 */
template <typename Wanted>
static __device__ __forceinline__ int list_numbers(int n, int most, int* list, int* counts, Wanted wanted) {
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int count = 0;
    for (int first = 0; first < n && count < most; first += blockDim.x) {
        int number = first + threadIdx.x;
        bool listed = number < n && wanted(number);
        unsigned int votes = __ballot_sync(ALL_LANES, listed);
        if (lane == 0) counts[warp] = __popc(votes);
        __syncthreads();
        int place = count + __popc(votes & ((1u << lane) - 1));
        for (int w = 0; w < blockDim.x / 32; w++) {
            if (w < warp) place += counts[w];
            count += counts[w];
        }
        if (listed && place < most) list[place] = number;
        __syncthreads();
    }
    return count < most ? count : most;
}
