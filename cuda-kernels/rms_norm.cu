// rms_norm.cu: root-mean-square normalisation of whole rows, or of every head for q/k norm
//
// Problem  out[i] = x[i] / sqrt(mean(x^2) + eps) weight[i] over each group of `group` neighbouring elements.
// Layout   x, out (groups, group) f32, dense: a row of a matrix is one group or several; weight (group) f32. out may be x.
// Launch   One block a group, of 256 threads, or 1024 where groups are long: what a single token waits for. Static shared memory:
//          a value a warp.
// Order    Thread t squares elements t, t + threads, ... in f64; then a fixed tree: equal inputs give equal bits.
// Bound    Memory, by design (not yet measured): 8 bytes an element moved, the second read from the cache.
// Limits   group >= 1; offsets are 64-bit.
// Registers at most 40.
#include "primitives/early.cuh"
#include "primitives/reduce.cuh"

extern "C" __global__ void __launch_bounds__(1024) rms_norm(
    const float* x, const float* weight, float* out, int group, double eps) {
    __shared__ double partial[MOST_WARPS];
    let_next_launch_begin();
    wait_for_launch_before();
    long long at = (long long) blockIdx.x * group;
    double squares = 0;
    for (int i = threadIdx.x; i < group; i += blockDim.x) {
        double value = x[at + i];
        squares += value * value;
    }
    squares = block_reduce<Sum>(squares, partial);
    float scale = (float) (1 / sqrt(squares / group + eps));
    for (int i = threadIdx.x; i < group; i += blockDim.x) out[at + i] = x[at + i] * scale * weight[i];
}
