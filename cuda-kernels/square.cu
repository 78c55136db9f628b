// square.cu: diagonals and triangles of square matrices, and the signs of eigenvectors, in f32 and f64
//
// Problem  diagonal_*: out[i] = x[i,i]. add_to_diagonal_*: x[i,i] += value, added in f64; add_to_diagonal_by_*: the same with the
//          value on the device. clear_upper_*: x[i,j] = 0 for j > i. outcome_*: out = 0 where info is 0 and no x[i,i] is NaN, else 1.
//          fix_signs_*: a row whose entry of largest magnitude (the lowest index on ties) is negative is negated.
// Layout   x (n, n), out (n), row-major, dense; info one int, value and outcome's out one f64.
// Launch   diagonal, add_to_diagonal: any line of blocks of 256 threads. outcome: one block of 256. The others: one of 256 a row.
// Bound    Memory, by design (not yet measured); a diagonal's elements take a sector each.
// Limits   n >= 1; offsets are 64-bit. fix_signs: rows without NaN.
// Registers at most 40.
#include "primitives/reduce.cuh"

template <typename T>
static __device__ void diagonal(const T* x, T* out, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) out[i] = x[i * (n + 1LL)];
}

template <typename T>
static __device__ void add_to_diagonal(T* x, double value, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        x[i * (n + 1LL)] = (T) (x[i * (n + 1LL)] + value);
    }
}

template <typename T>
static __device__ void outcome(const T* x, const int* info, double* out, int n, int* warps) {
    int failed = *info != 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) failed |= x[i * (n + 1LL)] != x[i * (n + 1LL)];
    failed = block_reduce<Max>(failed, warps);
    if (threadIdx.x == 0) *out = failed;
}

template <typename T>
static __device__ void clear_upper(T* x, int n) {
    T* row = x + (long long) blockIdx.x * n;
    for (int j = blockIdx.x + 1 + threadIdx.x; j < n; j += blockDim.x) row[j] = 0;
}

template <typename T>
static __device__ void fix_signs(T* x, int n, T* magnitudes, int* indices) {
    T* row = x + (long long) blockIdx.x * n;
    T most = -1;
    int at = n;
    for (int j = threadIdx.x; j < n; j += blockDim.x) {
        T size = fabs(row[j]);
        if (size > most) {
            most = size;
            at = j;
        }
    }
    T largest = block_reduce<Max>(most, magnitudes);
    at = block_reduce<Min>(most == largest ? at : n, indices);
    bool negative = at < n && row[at] < 0; // n where all is NaN
    // every thread has read the entry before its owner turns it
    __syncthreads();
    if (!negative) return;
    for (int j = threadIdx.x; j < n; j += blockDim.x) row[j] = -row[j];
}

extern "C" __global__ void __launch_bounds__(256) diagonal_f32(const float* x, float* out, int n) {
    diagonal(x, out, n);
}

extern "C" __global__ void __launch_bounds__(256) diagonal_f64(const double* x, double* out, int n) {
    diagonal(x, out, n);
}

extern "C" __global__ void __launch_bounds__(256) add_to_diagonal_f32(float* x, double value, int n) {
    add_to_diagonal(x, value, n);
}

extern "C" __global__ void __launch_bounds__(256) add_to_diagonal_f64(double* x, double value, int n) {
    add_to_diagonal(x, value, n);
}

extern "C" __global__ void __launch_bounds__(256) add_to_diagonal_by_f32(float* x, const double* value, int n) {
    add_to_diagonal(x, *value, n);
}

extern "C" __global__ void __launch_bounds__(256) add_to_diagonal_by_f64(double* x, const double* value, int n) {
    add_to_diagonal(x, *value, n);
}

extern "C" __global__ void __launch_bounds__(256) outcome_f32(const float* x, const int* info, double* out, int n) {
    __shared__ int warps[MOST_WARPS];
    outcome(x, info, out, n, warps);
}

extern "C" __global__ void __launch_bounds__(256) outcome_f64(const double* x, const int* info, double* out, int n) {
    __shared__ int warps[MOST_WARPS];
    outcome(x, info, out, n, warps);
}

extern "C" __global__ void __launch_bounds__(256) clear_upper_f32(float* x, int n) {
    clear_upper(x, n);
}

extern "C" __global__ void __launch_bounds__(256) clear_upper_f64(double* x, int n) {
    clear_upper(x, n);
}

extern "C" __global__ void __launch_bounds__(256) fix_signs_f32(float* x, int n) {
    __shared__ float magnitudes[MOST_WARPS];
    __shared__ int indices[MOST_WARPS];
    fix_signs(x, n, magnitudes, indices);
}

extern "C" __global__ void __launch_bounds__(256) fix_signs_f64(double* x, int n) {
    __shared__ double magnitudes[MOST_WARPS];
    __shared__ int indices[MOST_WARPS];
    fix_signs(x, n, magnitudes, indices);
}
