// nucleus.cu: of each row of log-probabilities the most likely columns that hold a share of the mass
//
// Problem  keep_nucleus: the columns of a row in the order of x, the largest first, equal ones by column, up to the first at which
//          their masses add up to `share` of the row's; all others become -infinity. A column's mass is exp(x) in whole units of
//          2^-50, one that is NaN has none and comes last.
// Source   Holtzman et al.: The Curious Case of Neural Text Degeneration, 2020, section 3.1.
// Layout   x (rows, cols) f32 row-major, log-probabilities as log_softmax leaves them, updated.
// Launch   One block of 1024 a row. Static shared memory.
// Order    Masses are whole numbers, so that neither the order of atomics nor of threads shows in their sums.
// Bound    Latency of six passes over a row that a level-2 cache holds (not yet measured).
// Limits   cols >= 1; x <= 0.01, so that masses add up to less than 2^64; 0 < share <= 1. Callers check.
// Registers at most 40.
#include "primitives/radix.cuh"
#include "primitives/reduce.cuh"

typedef unsigned long long Mass;

/** Grows with x, NaN before all numbers. */
static __device__ unsigned int rank_of(float x) {
    unsigned int bits = __float_as_uint(x);
    return x != x ? 0 : bits >> 31 ? ~bits : bits | 0x80000000u;
}

static __device__ Mass mass_of(float x) { return x != x ? 0 : (Mass) (expf(x) * 0x1p50f); }

extern "C" __global__ void __launch_bounds__(1024) keep_nucleus(float* logProbabilities, double share, int cols) {
    __shared__ Digit<Mass> digit;
    __shared__ int equals[MOST_WARPS];
    __shared__ Mass sums[MOST_WARPS];
    float* row = logProbabilities + (long long) blockIdx.x * cols;
    Mass total = 0;
    for (int j = threadIdx.x; j < cols; j += blockDim.x) total += mass_of(row[j]);
    total = block_reduce<Sum>(total, sums);
    if (total == 0) return; // nothing to choose by
    Mass wanted = (Mass) ceil(share * (double) total);
    if (wanted < 1) wanted = 1;
    if (wanted > total) wanted = total;
    unsigned int least = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int b = threadIdx.x; b < BINS; b += blockDim.x) digit.histogram[b] = 0;
        __syncthreads();
        // most columns have their first digits in common: a thread adds up what goes to one bin before it tells the others
        unsigned int bin = 0;
        Mass held = 0;
        for (int j = threadIdx.x; j < cols; j += blockDim.x) {
            unsigned int rank = rank_of(row[j]);
            if (shift < 24 && rank >> (shift + 8) != least >> (shift + 8)) continue;
            if ((rank >> shift & 255) != bin) {
                atomicAdd(&digit.histogram[bin], held);
                bin = rank >> shift & 255;
                held = 0;
            }
            held += mass_of(row[j]);
        }
        atomicAdd(&digit.histogram[bin], held);
        __syncthreads();
        if (threadIdx.x < 32) find_bin(wanted, &digit);
        __syncthreads();
        least |= (unsigned int) digit.bin << shift;
        wanted -= digit.above;
    }
    // of the equals as many as it takes, the first ones
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int before = 0;
    Mass one = 0;
    for (int from = 0; from < cols; from += blockDim.x) {
        int j = from + threadIdx.x;
        unsigned int rank = j < cols ? rank_of(row[j]) : 0;
        bool equal = j < cols && rank == least;
        if (equal) one = mass_of(row[j]);
        unsigned int votes = __ballot_sync(ALL_LANES, equal);
        if (lane == 0) equals[warp] = __popc(votes);
        __syncthreads();
        int place = before + __popc(votes & ((1u << lane) - 1));
        for (int w = 0; w < blockDim.x / 32; w++) {
            place += w < warp ? equals[w] : 0;
            before += equals[w];
        }
        if (j < cols && (equal ? place * one >= wanted : rank < least)) row[j] = minus_infinity();
        __syncthreads();
    }
}
