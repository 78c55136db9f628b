// storage.cu: constants, and conversions between the types that matrices and checkpoints are stored in
//
// Problem  fill_*: every element becomes the value. convert_A_B: out[i] = x[i]; exact, but f64 to f32, which rounds to nearest.
//          keep_top_bits_*: x[i] becomes the nearest single whose pattern ends in so many zeros, ties to even, f64 rounded to single first.
//          split: x = out[0] + out[1] + out[2], the terms of primitives/terms.cuh, for products on tensor cores.
// Layout   Dense, of so many elements. f16 and bf16 are 16-bit patterns: subnormals, infinities and NaN keep their meaning.
//          split: x (rows, cols) f32; out (3, rows, 2 words) bf16, two to a word, zeros behind a row's end.
// Launch   Any line of blocks of 256 threads, grid-stride, four elements a thread on their way; split: block (32, 8), a warp a
//          row, any grid.
// Bound    Memory, by design (not yet measured): each element is read once and written once.
// Limits   out is not x where their types differ; 2 words >= cols; offsets are 64-bit.
// Registers at most 40.
#include "primitives/each.cuh"
#include "primitives/terms.cuh"
#include "primitives/top_bits.cuh"
#include "primitives/unroll.cuh"

struct F16 { unsigned short bits; };
struct Bf16 { unsigned short bits; };

static __device__ float value_of(Bf16 x) { return __uint_as_float((unsigned int) x.bits << 16); }

static __device__ float value_of(F16 x) {
    unsigned int sign = (x.bits & 0x8000u) << 16;
    unsigned int magnitude = x.bits & 0x7fffu;
    // below the smallest normal f16 the pattern counts units of 2^-24; infinities and NaN have f32's exponent 255
    if (magnitude < 0x400) return __uint_as_float(__float_as_uint(magnitude * 0x1p-24f) | sign);
    unsigned int bias = magnitude < 0x7c00 ? 112 : 224;
    return __uint_as_float(sign | ((magnitude << 13) + (bias << 23)));
}

static __device__ float value_of(float x) { return x; }
static __device__ double value_of(double x) { return x; }

template <typename From, typename To>
static __device__ void convert(const From* x, To* out, long long count) {
    each(out, count, [=](long long i) { return (To) value_of(x[i]); });
}

extern "C" __global__ void __launch_bounds__(256) fill_f32(float* out, float value, long long count) {
    each(out, count, [=](long long) { return value; });
}

extern "C" __global__ void __launch_bounds__(256) fill_f64(double* out, double value, long long count) {
    each(out, count, [=](long long) { return value; });
}

extern "C" __global__ void __launch_bounds__(256) copy_quads(const uint4* x, uint4* out, long long count) {
    each(out, count, [=](long long i) { return x[i]; });
}

extern "C" __global__ void __launch_bounds__(256) convert_f64_f32(const double* x, float* out, long long count) {
    convert(x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) convert_f32_f64(const float* x, double* out, long long count) {
    convert(x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) convert_f16_f32(const F16* x, float* out, long long count) {
    convert(x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) convert_f16_f64(const F16* x, double* out, long long count) {
    convert(x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) convert_bf16_f32(const Bf16* x, float* out, long long count) {
    convert(x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) convert_bf16_f64(const Bf16* x, double* out, long long count) {
    convert(x, out, count);
}

extern "C" __global__ void __launch_bounds__(256) keep_top_bits_f32(float* x, int dropped, long long count) {
    each(x, count, [=](long long i) { return without_low_bits(x[i], dropped); });
}

extern "C" __global__ void __launch_bounds__(256) keep_top_bits_f64(double* x, int dropped, long long count) {
    each(x, count, [=](long long i) { return (double) without_low_bits((float) x[i], dropped); });
}

extern "C" __global__ void __launch_bounds__(256) split(
    const float* x, unsigned int* out, int rows, int cols, int words) {
    long long term = rows * (long long) words;
    for (long long i = blockIdx.y * (long long) blockDim.y + threadIdx.y; i < rows; i += gridDim.y * (long long) blockDim.y) {
        const float* row = x + i * cols;
        for (long long j = blockIdx.x * 32LL + threadIdx.x; j < words; j += gridDim.x * 32LL) {
            float first = 2 * j < cols ? row[2 * j] : 0;
            float second = 2 * j + 1 < cols ? row[2 * j + 1] : 0;
            UNROLL
            for (int n = 0; n < TERMS; n++) out[n * term + i * words + j] = take_upper(first, second);
        }
    }
}
