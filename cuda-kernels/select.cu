// select.cu: the s largest magnitudes of each row, exactly s of them, ties to the lower column, or the largest of every group of
// neighbours; alone and after a step
//
// Problem  keep_largest: all but the s largest |x[i,:]| become 0. hard_threshold_step, the `block` solver's coding step, row by
//          row: step = (g.g) / (g.c), 0 where g.g or g.c is not positive; then x = the s largest of x + step r.
//          ..._in_groups: the same, but of every `group` neighbouring columns the `kept` largest stay; a last group of fewer
//          columns keeps as many.
// Source   The `block` solver's coding step. Selection by radix on the bit patterns of magnitudes, which order as finite
//          magnitudes do.
// Layout   x (codes), r (residual), g (gradient), c (curvature): row-major (rows, k) f32. x is updated, the others read only.
// Launch   One block of 256 a row; dynamic shared memory 4 k bytes: the row's magnitudes; by groups none, for a group lies in a
//          warp and each lane counts by shuffles which of its group come before its own element.
// Order    Dot products: thread t takes elements t, t + 256, ..., then a fixed tree. Counting by integer atomics, whose order
//          does not show. Among equals the kept ones are ranked by ballots in column order. Equal inputs give equal bits.
// Bound    Memory by design: 8 k bytes a row, 20 k with the step; beside it five passes over shared memory. On an NVIDIA H200 the
//          step of (14336, 4169) takes 596 us, 51 % of its copy bandwidth: the passes are not hidden.
// Limits   0 <= s <= k, 1 <= k, 4 k bytes and 2 KiB within shared memory (k <= 41216 where a block has 163 KiB, 24832 where it has
//          99); 8 bits of exponent and 23 of mantissa order finite values only: rows are finite. A group is 1, 2, 4, 8, 16 or 32
//          columns. Callers check.
// Registers at most 40.
#include "primitives/radix.cuh"
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"

/** What a block shares while it selects. */
struct Selection {
    Digit<int> digit;
    int equals[MOST_WARPS];
};

/**
 * The pattern of the s-th largest magnitude, and how many of the equal ones are kept: 8 bits at a time from the top, the bin
 * of the s-th being the one below which fewer than s lie.
 */
static __device__ unsigned int threshold(const unsigned int* magnitudes, int k, int s, int* kept, Selection* shared) {
    unsigned int prefix = 0;
    int wanted = s;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int b = threadIdx.x; b < BINS; b += blockDim.x) shared->digit.histogram[b] = 0;
        __syncthreads();
        for (int j = threadIdx.x; j < k; j += blockDim.x) {
            unsigned int m = magnitudes[j];
            if (shift == 24 || m >> (shift + 8) == prefix >> (shift + 8)) atomicAdd(&shared->digit.histogram[m >> shift & 255], 1);
        }
        __syncthreads();
        if (threadIdx.x < 32) find_bin(wanted, &shared->digit);
        __syncthreads();
        prefix |= (unsigned int) shared->digit.bin << shift;
        wanted -= shared->digit.above;
    }
    *kept = wanted;
    return prefix;
}

/** Zeroes all but the s largest of the row. A thread reads only magnitudes that it wrote itself, so no barrier lies between. */
static __device__ void keep(float* row, const unsigned int* magnitudes, int k, int s, Selection* shared) {
    if (s >= k) return;
    if (s == 0) {
        for (int j = threadIdx.x; j < k; j += blockDim.x) row[j] = 0;
        return;
    }
    int kept;
    unsigned int least = threshold(magnitudes, k, s, &kept, shared);
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int before = 0;
    for (int from = 0; from < k; from += blockDim.x) {
        int j = from + threadIdx.x;
        bool equal = j < k && magnitudes[j] == least;
        unsigned int votes = __ballot_sync(ALL_LANES, equal);
        if (lane == 0) shared->equals[warp] = __popc(votes);
        __syncthreads();
        int rank = before + __popc(votes & ((1u << lane) - 1));
        for (int w = 0; w < blockDim.x / 32; w++) {
            rank += w < warp ? shared->equals[w] : 0;
            before += shared->equals[w];
        }
        if (j < k && (equal ? rank >= kept : magnitudes[j] < least)) row[j] = 0;
        __syncthreads();
    }
}

static __device__ unsigned int magnitude(float value) { return __float_as_uint(value) & 0x7fffffffu; }

extern "C" __global__ void __launch_bounds__(256) keep_largest(float* matrix, int k, int s) {
    __shared__ Selection shared;
    DYNAMIC_SHARED(unsigned int, magnitudes);
    float* row = matrix + (long long) blockIdx.x * k;
    for (int j = threadIdx.x; j < k; j += blockDim.x) magnitudes[j] = magnitude(row[j]);
    keep(row, magnitudes, k, s, &shared);
}

/** (g.g) / (g.c), 0 where one of them is not positive; the same for all threads. */
static __device__ float line_search(const float* gradient, const float* curvature, int k, float* partial) {
    float squared = 0;
    float curved = 0;
    for (int j = threadIdx.x; j < k; j += blockDim.x) {
        float g = gradient[j];
        squared += g * g;
        curved += g * curvature[j];
    }
    squared = block_reduce<Sum>(squared, partial);
    curved = block_reduce<Sum>(curved, partial);
    return squared > 0 && curved > 0 ? squared / curved : 0;
}

/**
 * Whether the lane's element is among the {@code kept} largest of its group, the neighbouring lanes. All lanes call it; one beyond
 * the row's end passes -1, less than any magnitude.
 */
static __device__ bool stays(int magnitude, int kept, int group) {
    int lane = threadIdx.x % 32;
    int rank = 0;
    for (int by = 1; by < group; by++) {
        int other = __shfl_xor_sync(ALL_LANES, magnitude, by);
        rank += other > magnitude || (other == magnitude && (lane ^ by) < lane);
    }
    return rank < kept;
}

extern "C" __global__ void __launch_bounds__(256) hard_threshold_step(
    float* codes, const float* residual, const float* gradient, const float* curvature, int k, int s) {
    __shared__ Selection shared;
    __shared__ float partial[MOST_WARPS];
    DYNAMIC_SHARED(unsigned int, magnitudes);
    long long at = (long long) blockIdx.x * k;
    float step = line_search(gradient + at, curvature + at, k, partial);
    for (int j = threadIdx.x; j < k; j += blockDim.x) {
        float moved = codes[at + j] + step * residual[at + j];
        codes[at + j] = moved;
        magnitudes[j] = magnitude(moved);
    }
    keep(codes + at, magnitudes, k, s, &shared);
}

extern "C" __global__ void __launch_bounds__(256) keep_largest_in_groups(float* matrix, int k, int kept, int group) {
    float* row = matrix + (long long) blockIdx.x * k;
    for (int from = 0; from < k; from += blockDim.x) {
        int j = from + threadIdx.x;
        int own = j < k ? (int) magnitude(row[j]) : -1;
        if (!stays(own, kept, group) && j < k) row[j] = 0;
    }
}

extern "C" __global__ void __launch_bounds__(256) hard_threshold_step_in_groups(
    float* codes, const float* residual, const float* gradient, const float* curvature, int k, int kept, int group) {
    __shared__ float partial[MOST_WARPS];
    long long at = (long long) blockIdx.x * k;
    float step = line_search(gradient + at, curvature + at, k, partial);
    for (int from = 0; from < k; from += blockDim.x) {
        int j = from + threadIdx.x;
        float moved = j < k ? codes[at + j] + step * residual[at + j] : 0;
        int own = j < k ? (int) magnitude(moved) : -1;
        bool stay = stays(own, kept, group);
        if (j < k) codes[at + j] = stay ? moved : 0;
    }
}
