// row_gradients.cu: gradients that go row by row or element by element, and sums of squares down the rows
//
// Problem  rms_norm_gradient: with r = 1 / sqrt(mean(x^2) + eps) of a group, g <- r weight g - x r^3 mean(x weight g).
//          silu_multiply_gradient: with s = 1 / (1 + exp(-gate)), up <- g gate s and gate <- g up s (1 + gate (1 - s)), each from
//          what both were. add_squares: sums[j] += sum over i of (factors[i] x[i,j])^2, in f64. median: the element with
//          (count - 1) / 2 others before it in ascending order, NaN last, equals by index. clipping_factors: factors[i] =
//          min(1, clipping sqrt(median / squares[i])), 1 where the median is 0 or a square is NaN.
// Layout   rms_norm_gradient: x, gradient (groups, group) f32, a row of a matrix is one group or several; weight (group) f32.
//          silu_multiply_gradient: gate, up, gradient of `count` elements f32. add_squares: x (rows, cols) f32, factors (rows) f32,
//          sums (cols) f64. median, clipping_factors: squares, factors (count) f32, median one f32. Row-major, dense; x and the gradient of silu_multiply_gradient are read only.
// Launch   rms_norm_gradient: one block of 256 a group. silu_multiply_gradient: any line of blocks of 256, grid-stride.
//          add_squares: grid ceil(cols / 32), block (32, 32): a warp takes every 32nd row of 32 columns. median, clipping_factors:
//          any line of blocks of 256, grid-stride.
// Order    Group sums in f64 as in rms_norm.cu. add_squares: warp w adds rows w, w + 32, ... ascending, then the warps' sums are
//          added in order: equal inputs give equal bits.
// Bound    Memory, by design (not yet measured): 12, 20 and 4 bytes an element; median: count^2 comparisons out of a cache.
// Limits   group >= 1; offsets are 64-bit.
// Registers at most 40.
#include "primitives/reduce.cuh"
#include "primitives/unroll.cuh"

extern "C" __global__ void __launch_bounds__(256) rms_norm_gradient(
    const float* x, const float* weight, float* gradient, int group, double eps) {
    __shared__ double partial[MOST_WARPS];
    long long at = (long long) blockIdx.x * group;
    double squares = 0;
    double along = 0;
    for (int i = threadIdx.x; i < group; i += blockDim.x) {
        double value = x[at + i];
        squares += value * value;
        along += value * (weight[i] * gradient[at + i]);
    }
    squares = block_reduce<Sum>(squares, partial);
    along = block_reduce<Sum>(along, partial);
    double scale = 1 / sqrt(squares / group + eps);
    double pull = scale * scale * scale * along / group;
    for (int i = threadIdx.x; i < group; i += blockDim.x) {
        gradient[at + i] = (float) (scale * (weight[i] * gradient[at + i]) - pull * x[at + i]);
    }
}

extern "C" __global__ void __launch_bounds__(256) silu_multiply_gradient(
    float* gate, float* up, const float* gradient, long long count) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < count;
         i += gridDim.x * (long long) blockDim.x) {
        float x = gate[i];
        float sigmoid = 1 / (1 + expf(-x));
        float above = gradient[i];
        gate[i] = above * up[i] * sigmoid * (1 + x * (1 - sigmoid));
        up[i] = above * x * sigmoid;
    }
}

extern "C" __global__ void __launch_bounds__(1024) add_squares(
    const float* x, const float* factors, double* sums, int rows, int cols) {
    __shared__ double partial[32][32];
    int j = 32 * blockIdx.x + threadIdx.x;
    double sum = 0;
    if (j < cols) {
        UNROLL_BY_4
        for (int i = threadIdx.y; i < rows; i += 32) {
            double value = (double) factors[i] * x[(long long) i * cols + j];
            sum += value * value;
        }
    }
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && j < cols) {
        sum = sums[j];
        for (int w = 0; w < 32; w++) sum += partial[w][threadIdx.x];
        sums[j] = sum;
    }
}

/** Whether element i comes before element j in ascending order. */
static __device__ bool before(float x, int i, float y, int j) {
    bool known = x == x;
    if (known != (y == y)) return known;
    return known && x != y ? x < y : i < j;
}

extern "C" __global__ void __launch_bounds__(256) median(const float* squares, float* median, int count) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
        float own = squares[i];
        int rank = 0;
        for (int j = 0; j < count; j++) rank += before(squares[j], j, own, i);
        if (rank == (count - 1) / 2) *median = own;
    }
}

extern "C" __global__ void __launch_bounds__(256) clipping_factors(
    const float* squares, const float* median, double clipping, float* factors, int count) {
    double longest = clipping * sqrt((double) *median);
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
        double norm = sqrt((double) squares[i]);
        factors[i] = norm > longest && longest > 0 ? (float) (longest / norm) : 1.0f;
    }
}
