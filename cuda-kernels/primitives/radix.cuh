// radix.cuh: selection eight bits of a rank at a time: in which bin of a histogram lies what is wanted from the top
#pragma once

#include "reduce.cuh"

constexpr int BINS = 256;

/** Eight bits of a rank: what each value of them weighs, the bin that is wanted, and what the higher ones weigh together. */
template <typename Weight>
struct Digit {
    Weight histogram[BINS];
    int bin;
    Weight above;
};

/**
 * The first bin from the top at which the weights add up to what is wanted, at least 1 and no more than all of them. One warp calls it,
 * the first: lane l adds up 8 bins, lane 0 the highest.
 */
template <typename Weight>
static __device__ __forceinline__ void find_bin(Weight wanted, Digit<Weight>* digit) {
    int first = BINS - 8 * (threadIdx.x + 1);
    Weight own = 0;
    for (int b = 0; b < 8; b++) own += digit->histogram[first + b];
    Weight through = own;
    for (int by = 1; by < 32; by *= 2) {
        Weight before = __shfl_up_sync(ALL_LANES, through, by);
        if (threadIdx.x >= by) through += before;
    }
    Weight above = through - own;
    if (above < wanted && through >= wanted) {
        int b = 7;
        while (above + digit->histogram[first + b] < wanted) above += digit->histogram[first + b--];
        digit->bin = first + b;
        digit->above = above;
    }
}
