// arithmetic.cu: sums, multiples, powers and quotients, element by element, in f32 and f64
//
// Problem  axpy_*: y = alpha x + y. scale_*: x = alpha x. axpy_rows_*: y[i,:] = factors[i] x[i,:] + y[i,:]. scale_rows_*:
//          x[i,:] = factors[i] x[i,:]. scale_columns_*: x[:,j] = factors[j] x[:,j]. power_*: out = x^exponent where x > 0, else 0.
//          ratio_*: out = x / y where y > 0, else 0. add_to_doubles: y = x + y, in f64. axpy_by_*, scale_by_*: the same with
//          alpha one f64 on the device, rounded to the type. copy_if_less_*: out = x where a < b, else out stays; a, b one f64.
// Layout   Row-major, dense, of one type; factors (rows) or (cols). out may be x, or y. add_to_doubles: x f32, y f64, both
//          (rows, cols) with rows so many elements apart as their pitches say.
// Launch   axpy, scale, power, ratio, copy_if_less: any line of blocks of 256 threads, grid-stride. The others: block (32, 8), a
//          warp a row, 128 columns at a time; any grid.
// Bound    Memory, by design (not yet measured): each element is read once and written once. power computes in f64, for vectors.
// Limits   None; offsets are 64-bit. Sum and product of axpy may be one fused multiply-add.
// Registers at most 48.
#include "primitives/each.cuh"

template <typename T>
static __device__ void axpy(T alpha, const T* x, T* y, long long count) {
    each(y, count, [=](long long i) { return alpha * x[i] + y[i]; });
}

template <typename T>
static __device__ void scale(T alpha, T* x, long long count) {
    each(x, count, [=](long long i) { return alpha * x[i]; });
}

/** Nothing is less than NaN, nor NaN less than anything. Where out is b itself, one element, its own thread has read b before. */
template <typename T>
static __device__ void copy_if_less(const double* a, const double* b, const T* x, T* out, long long count) {
    if (*a < *b) each(out, count, [=](long long i) { return x[i]; });
}

template <typename T>
static __device__ void axpy_rows(const T* factors, const T* x, T* y, int rows, int cols) {
    each_of_rows<T>(
        rows, cols, [=](long long i) { return y + i * cols; },
        [=](long long i, long long j) { return factors[i] * x[i * cols + j] + y[i * cols + j]; });
}

template <typename T>
static __device__ void scale_rows(const T* factors, T* x, int rows, int cols) {
    each_of_rows<T>(
        rows, cols, [=](long long i) { return x + i * cols; },
        [=](long long i, long long j) { return factors[i] * x[i * cols + j]; });
}

template <typename T>
static __device__ void scale_columns(const T* factors, T* x, int rows, int cols) {
    each_of_rows<T>(
        rows, cols, [=](long long i) { return x + i * cols; },
        [=](long long i, long long j) { return factors[j] * x[i * cols + j]; });
}

/** Roots, which the algorithms ask for, are rounded correctly, and cost little; pow errs by up to two units in the last place. */
static __device__ double power_of(double x, double exponent) {
    if (!(x > 0)) return 0;
    if (exponent == 0.5) return sqrt(x);
    if (exponent == -0.5) return 1 / sqrt(x);
    return pow(x, exponent);
}

template <typename T>
static __device__ void power(const T* x, double exponent, T* out, long long count) {
    long long stride = gridDim.x * (long long) blockDim.x;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < count; i += stride) {
        out[i] = (T) power_of(x[i], exponent);
    }
}

template <typename T>
static __device__ void ratio(const T* x, const T* y, T* out, long long count) {
    each(out, count, [=](long long i) { return y[i] > 0 ? x[i] / y[i] : (T) 0; });
}

extern "C" __global__ void __launch_bounds__(256) axpy_f32(float alpha, const float* x, float* y, long long count) {
    axpy(alpha, x, y, count);
}

extern "C" __global__ void __launch_bounds__(256) axpy_f64(double alpha, const double* x, double* y, long long count) {
    axpy(alpha, x, y, count);
}

extern "C" __global__ void __launch_bounds__(256) scale_f32(float alpha, float* x, long long count) {
    scale(alpha, x, count);
}

extern "C" __global__ void __launch_bounds__(256) scale_f64(double alpha, double* x, long long count) {
    scale(alpha, x, count);
}

extern "C" __global__ void __launch_bounds__(256) axpy_by_f32(const double* alpha, const float* x, float* y, long long count) {
    axpy((float) *alpha, x, y, count);
}

extern "C" __global__ void __launch_bounds__(256) axpy_by_f64(const double* alpha, const double* x, double* y, long long count) {
    axpy(*alpha, x, y, count);
}

extern "C" __global__ void __launch_bounds__(256) scale_by_f32(const double* alpha, float* x, long long count) {
    scale((float) *alpha, x, count);
}

extern "C" __global__ void __launch_bounds__(256) scale_by_f64(const double* alpha, double* x, long long count) {
    scale(*alpha, x, count);
}

extern "C" __global__ void __launch_bounds__(256) copy_if_less_f32(
    const double* a, const double* b, const float* x, float* out, long long count) {
    copy_if_less(a, b, x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) copy_if_less_f64(
    const double* a, const double* b, const double* x, double* out, long long count) {
    copy_if_less(a, b, x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) axpy_rows_f32(
    const float* factors, const float* x, float* y, int rows, int cols) {
    axpy_rows(factors, x, y, rows, cols);
}

extern "C" __global__ void __launch_bounds__(256) axpy_rows_f64(
    const double* factors, const double* x, double* y, int rows, int cols) {
    axpy_rows(factors, x, y, rows, cols);
}

extern "C" __global__ void __launch_bounds__(256) scale_rows_f32(const float* factors, float* x, int rows, int cols) {
    scale_rows(factors, x, rows, cols);
}

extern "C" __global__ void __launch_bounds__(256) scale_rows_f64(const double* factors, double* x, int rows, int cols) {
    scale_rows(factors, x, rows, cols);
}

extern "C" __global__ void __launch_bounds__(256) scale_columns_f32(const float* factors, float* x, int rows, int cols) {
    scale_columns(factors, x, rows, cols);
}

extern "C" __global__ void __launch_bounds__(256) scale_columns_f64(const double* factors, double* x, int rows, int cols) {
    scale_columns(factors, x, rows, cols);
}

extern "C" __global__ void __launch_bounds__(256) add_to_doubles(
    const float* x, int pitch_x, double* y, int pitch_y, int rows, int cols) {
    each_of_rows<double>(
        rows, cols, [=](long long i) { return y + i * pitch_y; },
        [=](long long i, long long j) { return x[i * pitch_x + j] + y[i * pitch_y + j]; });
}

extern "C" __global__ void __launch_bounds__(256) power_f32(const float* x, double exponent, float* out, long long count) {
    power(x, exponent, out, count);
}

extern "C" __global__ void __launch_bounds__(256) power_f64(const double* x, double exponent, double* out, long long count) {
    power(x, exponent, out, count);
}

extern "C" __global__ void __launch_bounds__(256) ratio_f32(const float* x, const float* y, float* out, long long count) {
    ratio(x, y, out, count);
}

extern "C" __global__ void __launch_bounds__(256) ratio_f64(const double* x, const double* y, double* out, long long count) {
    ratio(x, y, out, count);
}
