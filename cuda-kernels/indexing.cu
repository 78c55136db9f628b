// indexing.cu: rows and elements of a column by index, as the embedding of tokens or the signals that use an atom
//
// Problem  gather_rows_*: out[i,:] = x[index[i],:]; embed_*: the same from f32 or bf16 to f32, exactly, by an index in f64.
//          scatter_rows_*: out[index[i],:] = x[i,:].
//          scatter_codes_*: out[i / s, atoms[i]] = x[i], x f32.
//          gather_column_*: out[i] = x[index[i], column]. scatter_column_*: out[index[i], column] = x[i].
// Layout   Matrices row-major, dense, f32, f64 or bf16 patterns, with cols columns; index (count) int32, of embed f64; a column's x or out (count).
// Launch   Rows: block (32, 8), a warp a row, 128 columns at a time; any grid. Column: any line of blocks of 256 threads.
// Bound    Memory, by design (not yet measured): each element is read once and written once; a column's take a sector each.
// Limits   Every index is a row, and scattered ones are distinct, which callers check; offsets are 64-bit.
// Registers at most 40.
#include "primitives/each.cuh"

static __device__ float widened(float value) { return value; }
static __device__ double widened(double value) { return value; }
static __device__ float widened(unsigned short bits) { return __uint_as_float((unsigned int) bits << 16); }

template <typename From, typename Index, typename T>
static __device__ void gather_rows(const From* x, const Index* index, T* out, int count, int cols) {
    each_of_rows<T>(
        count, cols, [=](long long i) { return out + i * cols; },
        [=](long long i, long long j) { return widened(x[(long long) index[i] * cols + j]); });
}

template <typename T>
static __device__ void scatter_rows(const T* x, const int* index, T* out, int count, int cols) {
    each_of_rows<T>(
        count, cols, [=](long long i) { return out + (long long) index[i] * cols; },
        [=](long long i, long long j) { return x[i * cols + j]; });
}

template <typename T>
static __device__ void gather_column(const T* x, int cols, int column, const int* index, T* out, long long count) {
    each(out, count, [=](long long i) { return x[(long long) index[i] * cols + column]; });
}

template <typename T>
static __device__ void scatter_column(const T* x, const int* index, T* out, int cols, int column, int count) {
    long long stride = gridDim.x * (long long) blockDim.x;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < count; i += stride) {
        out[(long long) index[i] * cols + column] = x[i];
    }
}

template <typename T>
static __device__ void scatter_codes(const float* x, const int* atoms, T* out, int k, int s, long long count) {
    long long stride = gridDim.x * (long long) blockDim.x;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < count; i += stride) {
        out[i / s * k + atoms[i]] = x[i];
    }
}

extern "C" __global__ void __launch_bounds__(256) gather_rows_f32(
    const float* x, const int* index, float* out, int count, int cols) {
    gather_rows(x, index, out, count, cols);
}

extern "C" __global__ void __launch_bounds__(256) gather_rows_f64(
    const double* x, const int* index, double* out, int count, int cols) {
    gather_rows(x, index, out, count, cols);
}

extern "C" __global__ void __launch_bounds__(256) embed_f32(
    const float* x, const double* index, float* out, int count, int cols) {
    gather_rows(x, index, out, count, cols);
}

extern "C" __global__ void __launch_bounds__(256) embed_bf16(
    const unsigned short* x, const double* index, float* out, int count, int cols) {
    gather_rows(x, index, out, count, cols);
}

extern "C" __global__ void __launch_bounds__(256) scatter_rows_f32(
    const float* x, const int* index, float* out, int count, int cols) {
    scatter_rows(x, index, out, count, cols);
}

extern "C" __global__ void __launch_bounds__(256) scatter_rows_f64(
    const double* x, const int* index, double* out, int count, int cols) {
    scatter_rows(x, index, out, count, cols);
}

extern "C" __global__ void __launch_bounds__(256) gather_column_f32(
    const float* x, int cols, int column, const int* index, float* out, int count) {
    gather_column(x, cols, column, index, out, count);
}

extern "C" __global__ void __launch_bounds__(256) gather_column_f64(
    const double* x, int cols, int column, const int* index, double* out, int count) {
    gather_column(x, cols, column, index, out, count);
}

extern "C" __global__ void __launch_bounds__(256) scatter_column_f32(
    const float* x, const int* index, float* out, int cols, int column, int count) {
    scatter_column(x, index, out, cols, column, count);
}

extern "C" __global__ void __launch_bounds__(256) scatter_column_f64(
    const double* x, const int* index, double* out, int cols, int column, int count) {
    scatter_column(x, index, out, cols, column, count);
}

extern "C" __global__ void __launch_bounds__(256) scatter_codes_f32(
    const float* x, const int* atoms, float* out, int k, int s, long long count) {
    scatter_codes(x, atoms, out, k, s, count);
}

extern "C" __global__ void __launch_bounds__(256) scatter_codes_f64(
    const float* x, const int* atoms, double* out, int k, int s, long long count) {
    scatter_codes(x, atoms, out, k, s, count);
}
