// elementwise.cu: operations that touch each element once
//
// Problem  restrict_to: out = values where the pattern is not 0, else +0. silu_multiply (SwiGLU): gate = silu(gate) up, with
//          silu(x) = x / (1 + exp(-x)). add_bias: x[i,j] += bias[j].
// Layout   Row-major, dense, f32; out may be values.
// Launch   Any line of blocks of 256 threads, grid-stride.
// Bound    Memory, by design (not yet measured): 12 bytes an element, 8 in add_bias.
// Limits   None; offsets are 64-bit.
// Registers at most 40.
#include "primitives/early.cuh"

#define LINE (blockIdx.x * (long long) blockDim.x + threadIdx.x)
#define STRIDE (gridDim.x * (long long) blockDim.x)

extern "C" __global__ void __launch_bounds__(256) restrict_to(
    const float* pattern, const float* values, float* out, long long count) {
    let_next_launch_begin();
    wait_for_launch_before();
    for (long long i = LINE; i < count; i += STRIDE) out[i] = __float_as_uint(pattern[i]) << 1 != 0 ? values[i] : 0.0f;
}

extern "C" __global__ void __launch_bounds__(256) silu_multiply(float* gate, const float* up, long long count) {
    let_next_launch_begin();
    wait_for_launch_before();
    for (long long i = LINE; i < count; i += STRIDE) gate[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

extern "C" __global__ void __launch_bounds__(256) add_bias(float* x, const float* bias, int cols, long long count) {
    let_next_launch_begin();
    wait_for_launch_before();
    for (long long i = LINE; i < count; i += STRIDE) x[i] += bias[i % cols];
}
