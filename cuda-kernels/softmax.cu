// softmax.cu: a row of logits at a time: log-softmax, likelihood and its gradient, divergence, argmax, sampling
//
// Problem  log_softmax: x[i,j] -= log sum over l of exp(x[i,l]). negative_log_likelihood: the same sum less x[i, target], x read
//          only. kl_divergence: sum over j of exp(p) (p - q) of two log-probabilities; a term is 0 where exp(p) is.
//          argmax: the first of the largest; a NaN is never one, and a row of nothing above -infinity gives 0. sample: the first
//          column up to which the probabilities exp(x) add up to more than uniforms[i] times their sum.
//          likelihood_gradient: x[i,j] = exp(x[i,j]), less 1 at the target; a row becomes 0 where its target is negative.
// Layout   x, p, q (rows, cols) f32 row-major, dense; argmax_f64 takes f64. targets of negative_log_likelihood (rows) int32, of
//          likelihood_gradient f64; columns, losses, divergences, uniforms (rows) f64.
// Launch   One block of 1024 a row. Static shared memory.
// Order    exp in f32, sums in f64: a thread over its own columns in ascending order, then a fixed tree. sample adds up a warp's
//          columns side by side. Equal inputs give equal bits.
// Bound    Memory, by design (not yet measured): the logarithm of the sum reads a row once, with a running maximum.
// Limits   cols >= 1 in argmax and sample; targets < cols, and >= 0 in negative_log_likelihood; 0 <= uniforms < 1. Callers check.
// Registers at most 40.
#include "primitives/reduce.cuh"

constexpr int SIDE_BY_SIDE = 8;
constexpr int NO_COLUMN = 0x7fffffff;

/** log sum exp of a row; every thread gets it. NaN where the row holds a NaN or +infinity, or nothing but -infinity. */
static __device__ double log_sum_exp(const float* row, int cols, float* maxima, double* sums) {
    float most = minus_infinity();
    double sum = 0;
    for (int from = 0; from < cols; from += SIDE_BY_SIDE * blockDim.x) {
        float x[SIDE_BY_SIDE];
        float highest = most;
        for (int i = 0; i < SIDE_BY_SIDE; i++) {
            int j = from + i * blockDim.x + threadIdx.x;
            x[i] = j < cols ? row[j] : minus_infinity();
            highest = x[i] > highest ? x[i] : highest;
        }
        if (highest > most) {
            sum *= exp((double) most - highest);
            most = highest;
        }
        for (int i = 0; i < SIDE_BY_SIDE; i++) sum += x[i] == minus_infinity() ? 0 : expf(x[i] - most);
    }
    float top = block_reduce<Max>(most, maxima);
    return top + log(block_reduce<Sum>(sum * exp((double) most - top), sums));
}

extern "C" __global__ void __launch_bounds__(1024) log_softmax(float* logits, int cols) {
    __shared__ float maxima[MOST_WARPS];
    __shared__ double sums[MOST_WARPS];
    float* row = logits + (long long) blockIdx.x * cols;
    double normalizer = log_sum_exp(row, cols, maxima, sums);
    for (int j = threadIdx.x; j < cols; j += blockDim.x) row[j] = (float) (row[j] - normalizer);
}

extern "C" __global__ void __launch_bounds__(1024) negative_log_likelihood(
    const float* logits, const int* targets, double* losses, int cols) {
    __shared__ float maxima[MOST_WARPS];
    __shared__ double sums[MOST_WARPS];
    const float* row = logits + (long long) blockIdx.x * cols;
    double normalizer = log_sum_exp(row, cols, maxima, sums);
    if (threadIdx.x == 0) losses[blockIdx.x] = normalizer - row[targets[blockIdx.x]];
}

extern "C" __global__ void __launch_bounds__(1024) kl_divergence(
    const float* logP, const float* logQ, double* divergences, int cols) {
    __shared__ double partial[MOST_WARPS];
    long long at = (long long) blockIdx.x * cols;
    double sum = 0;
    for (int j = threadIdx.x; j < cols; j += blockDim.x) {
        float p = logP[at + j];
        float share = expf(p);
        if (share > 0) sum += share * ((double) p - logQ[at + j]);
    }
    sum = block_reduce<Sum>(sum, partial);
    if (threadIdx.x == 0) divergences[blockIdx.x] = sum;
}

template <typename T>
static __device__ __forceinline__ void row_argmax(const T* matrix, double* columns, int cols, T* maxima, int* firsts) {
    const T* row = matrix + (long long) blockIdx.x * cols;
    T most = minus_infinity();
    int first = NO_COLUMN;
    for (int j = threadIdx.x; j < cols; j += blockDim.x) {
        T value = row[j];
        if (value > most) {
            most = value;
            first = j;
        }
    }
    T top = block_reduce<Max>(most, maxima);
    first = block_reduce<Min>(most == top ? first : NO_COLUMN, firsts);
    if (threadIdx.x == 0) columns[blockIdx.x] = first == NO_COLUMN ? 0 : first;
}

extern "C" __global__ void __launch_bounds__(1024) argmax_f32(const float* matrix, double* columns, int cols) {
    __shared__ float maxima[MOST_WARPS];
    __shared__ int firsts[MOST_WARPS];
    row_argmax(matrix, columns, cols, maxima, firsts);
}

extern "C" __global__ void __launch_bounds__(1024) argmax_f64(const double* matrix, double* columns, int cols) {
    __shared__ double maxima[MOST_WARPS];
    __shared__ int firsts[MOST_WARPS];
    row_argmax(matrix, columns, cols, maxima, firsts);
}

/** The first of columns from .. to - 1 up to which the probabilities exceed {@code wanted}, else the last that has any. */
static __device__ int column_of(const float* row, int from, int to, double wanted) {
    int lane = threadIdx.x % 32;
    double before = 0;
    int last = from;
    for (int next = from; next < to; next += 32) {
        float p = next + lane < to ? expf(row[next + lane]) : 0;
        double through = p;
        for (int by = 1; by < 32; by *= 2) {
            double lower = __shfl_up_sync(ALL_LANES, through, by);
            if (lane >= by) through += lower;
        }
        unsigned int beyond = __ballot_sync(ALL_LANES, p > 0 && before + through > wanted);
        if (beyond) return next + __ffs(beyond) - 1;
        unsigned int any = __ballot_sync(ALL_LANES, p > 0);
        if (any) last = next + 31 - __clz(any);
        before += __shfl_sync(ALL_LANES, through, 31);
    }
    return last;
}

extern "C" __global__ void __launch_bounds__(1024) sample(
    const float* logProbabilities, const double* uniforms, double* columns, int cols) {
    __shared__ double totals[MOST_WARPS];
    const float* row = logProbabilities + (long long) blockIdx.x * cols;
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int warps = blockDim.x / 32;
    int length = (cols + warps - 1) / warps;
    // a warp the columns from .. to - 1
    int from = min(cols, warp * length);
    int to = min(cols, from + length);
    double own = 0;
    for (int j = from + lane; j < to; j += 32) own += expf(row[j]);
    own = warp_reduce<Sum>(own);
    if (lane == 0) totals[warp] = own;
    __syncthreads();
    double sum = 0;
    for (int w = 0; w < warps; w++) sum += totals[w];
    double wanted = uniforms[blockIdx.x] * sum;
    // the first warp that passes what is wanted; rounding can leave none, then the last that has any
    double before = 0;
    double before_chosen = 0;
    int chosen = 0;
    bool passed = false;
    for (int w = 0; w < warps; w++) {
        if (!passed && totals[w] > 0) {
            chosen = w;
            before_chosen = before;
            passed = before + totals[w] > wanted;
        }
        before += totals[w];
    }
    if (warp == chosen) {
        int column = column_of(row, from, to, wanted - before_chosen);
        if (lane == 0) columns[blockIdx.x] = column;
    }
}

extern "C" __global__ void __launch_bounds__(1024) likelihood_gradient(
    float* logProbabilities, const double* targets, int cols) {
    float* row = logProbabilities + (long long) blockIdx.x * cols;
    double target = targets[blockIdx.x];
    for (int j = threadIdx.x; j < cols; j += blockDim.x) {
        row[j] = target < 0 ? 0 : expf(row[j]) - (j == target ? 1.0f : 0.0f);
    }
}
