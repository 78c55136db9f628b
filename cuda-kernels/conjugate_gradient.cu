// conjugate_gradient.cu: one step of conjugate gradients on C M = B, each row of codes by itself and on its own support
//
// Problem  q = image on the support, 0 elsewhere, where image = direction M. step = energy / (direction.q);
//          codes += step direction, residual -= step q, energy' = residual.residual,
//          direction = residual + (energy' / energy) direction. A quotient is 0 where its denominator is not positive.
// Source   Gradient pursuit (Blumensath, Davies, 2008) with conjugate directions.
// Layout   support, image (read only), codes, residual, direction (rows, k) f32, row-major; energy (rows) f32.
// Launch   One block of 256 a row; dynamic shared memory 8 k bytes: its q and its direction. conjugate_gradient_step_short, where
//          a block has less: 4 k bytes, q alone.
// Order    Products in f64: thread t takes elements t, t + 256, ..., then a fixed tree: equal inputs give equal bits.
// Bound    Memory, by design (not yet measured): 32 k bytes a row, each element read once and written once; the _short one reads
//          the direction three times, from a cache.
// Limits   8 k bytes, or 4 k, and 256 within shared memory: k <= 20832 (41664 the _short one) where a block has 163 KiB, 12640
//          (25280) where it has 99. Offsets are 64-bit. Callers check.
// Registers at most 40.
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"
#include "primitives/unroll.cuh"

/** KEPT: whether shared memory has room for the direction, behind q. */
template <bool KEPT>
static __device__ __forceinline__ void step_row(
    const float* support, const float* image, float* codes, float* residual, float* direction, float* energy, int k,
    double* sums) {
    DYNAMIC_SHARED(float, q);
    long long at = (long long) blockIdx.x * k;
    float* along = KEPT ? q + k : direction + at;
    double before = energy[blockIdx.x];

    double curvature = 0;
    UNROLL_BY_4
    for (int j = threadIdx.x; j < k; j += blockDim.x) {
        float masked = __float_as_uint(support[at + j]) << 1 != 0 ? image[at + j] : 0;
        float d = direction[at + j];
        q[j] = masked;
        if (KEPT) along[j] = d;
        curvature += (double) d * masked;
    }
    curvature = block_reduce<Sum>(curvature, sums);
    float step = curvature > 0 ? (float) (before / curvature) : 0;

    double after = 0;
    UNROLL_BY_4
    for (int j = threadIdx.x; j < k; j += blockDim.x) {
        codes[at + j] += step * along[j];
        float left = residual[at + j] - step * q[j];
        residual[at + j] = left;
        q[j] = left;
        after += (double) left * left;
    }
    after = block_reduce<Sum>(after, sums);
    float kept = before > 0 ? (float) (after / before) : 0;

    for (int j = threadIdx.x; j < k; j += blockDim.x) direction[at + j] = q[j] + kept * along[j];
    if (threadIdx.x == 0) energy[blockIdx.x] = (float) after;
}

extern "C" __global__ void __launch_bounds__(256) conjugate_gradient_step(
    const float* support, const float* image, float* codes, float* residual, float* direction, float* energy, int k) {
    __shared__ double sums[MOST_WARPS];
    step_row<true>(support, image, codes, residual, direction, energy, k, sums);
}

extern "C" __global__ void __launch_bounds__(256) conjugate_gradient_step_short(
    const float* support, const float* image, float* codes, float* residual, float* direction, float* energy, int k) {
    __shared__ double sums[MOST_WARPS];
    step_row<false>(support, image, codes, residual, direction, energy, k, sums);
}
