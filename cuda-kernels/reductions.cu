// reductions.cu: dot products of matrices and of their rows
//
// Problem  dot_*: out = sum of x[i] y[i]. row_dots_*: out[i] = sum over j of x[i,j] y[i,j]. Products and sums in f64; row_dots_f32
//          rounds them, row_dots_wide has x, y in f32 and leaves out in f64.
// Layout   Row-major, dense, f32 or f64. partial: an f64 a block of the first launch; out: one f64, or (rows).
// Launch   dot: a line of blocks of 256 threads, then sum_partials in one block of 256. row_dots: one block of 256 a row.
// Order    Thread t of T takes elements t, t + T, ... ascending, then a fixed tree, then the partial results likewise: equal
//          inputs give equal bits for one number of blocks, which the launching class takes from the number of elements.
// Bound    Memory, by design (not yet measured): each element is read once.
// Limits   Offsets are 64-bit.
// Registers at most 40.
#include "primitives/reduce.cuh"

/** A thread's part of the sum over elements {@code at}, {@code at + stride}, ... below the count. */
template <typename T>
static __device__ double dot_of_thread(const T* x, const T* y, long long at, long long stride, long long count) {
    double sum = 0;
    for (long long i = at; i < count; i += stride) sum += (double) x[i] * y[i];
    return sum;
}

template <typename T>
static __device__ void dot(const T* x, const T* y, double* partial, long long count, double* warps) {
    long long first = blockIdx.x * (long long) blockDim.x + threadIdx.x;
    double sum = block_reduce<Sum>(dot_of_thread(x, y, first, gridDim.x * (long long) blockDim.x, count), warps);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <typename T, typename Out>
static __device__ void row_dots(const T* x, const T* y, Out* out, int cols, double* warps) {
    long long at = (long long) blockIdx.x * cols;
    double sum = block_reduce<Sum>(dot_of_thread(x + at, y + at, threadIdx.x, blockDim.x, cols), warps);
    if (threadIdx.x == 0) out[blockIdx.x] = (Out) sum;
}

extern "C" __global__ void __launch_bounds__(256) dot_f32(const float* x, const float* y, double* partial, long long count) {
    __shared__ double warps[MOST_WARPS];
    dot(x, y, partial, count, warps);
}

extern "C" __global__ void __launch_bounds__(256) dot_f64(const double* x, const double* y, double* partial, long long count) {
    __shared__ double warps[MOST_WARPS];
    dot(x, y, partial, count, warps);
}

extern "C" __global__ void __launch_bounds__(256) sum_partials(const double* partial, double* out, int count) {
    __shared__ double warps[MOST_WARPS];
    double sum = 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) sum += partial[i];
    sum = block_reduce<Sum>(sum, warps);
    if (threadIdx.x == 0) *out = sum;
}

extern "C" __global__ void __launch_bounds__(256) row_dots_f32(const float* x, const float* y, float* out, int cols) {
    __shared__ double warps[MOST_WARPS];
    row_dots(x, y, out, cols, warps);
}

extern "C" __global__ void __launch_bounds__(256) row_dots_f64(const double* x, const double* y, double* out, int cols) {
    __shared__ double warps[MOST_WARPS];
    row_dots(x, y, out, cols, warps);
}

extern "C" __global__ void __launch_bounds__(256) row_dots_wide(const float* x, const float* y, double* out, int cols) {
    __shared__ double warps[MOST_WARPS];
    row_dots(x, y, out, cols, warps);
}
