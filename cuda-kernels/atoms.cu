// atoms.cu: the `block` solver's small steps on dictionaries
//
// Problem  normalize_atoms: norms[i] = |D[i,:]|, then rows i of D and P are divided by it, or become 0 where it is 0.
//          extrapolate: out = (1 + t) x - t y.
// Layout   D, P (k, r), norms (k), f32, row-major, D and P apart; x, y, out: `count` elements f32; out may be x or y.
// Launch   normalize_atoms: one block of 256 an atom. extrapolate: any line of blocks of 256, grid-stride.
// Order    Squares in f64: thread t takes elements t, t + 256, ..., then a fixed tree: equal inputs give equal bits.
// Bound    Memory, by design (not yet measured): 16 bytes an element of the dictionary, its second reading from the cache; 12.
// Limits   Offsets are 64-bit.
// Registers at most 40.
#include "primitives/each.cuh"
#include "primitives/reduce.cuh"
#include "primitives/unroll.cuh"

extern "C" __global__ void __launch_bounds__(256) normalize_atoms(float* dictionary, float* previous, float* norms, int r) {
    __shared__ double sums[MOST_WARPS];
    float* atom = dictionary + (long long) blockIdx.x * r;
    float* other = previous + (long long) blockIdx.x * r;
    double squares = 0;
    UNROLL_BY_4
    for (int j = threadIdx.x; j < r; j += blockDim.x) squares += (double) atom[j] * atom[j];
    double norm = sqrt(block_reduce<Sum>(squares, sums));
    float scale = norm > 0 ? (float) (1 / norm) : 0;
    for (int j = threadIdx.x; j < r; j += blockDim.x) {
        atom[j] *= scale;
        other[j] *= scale;
    }
    if (threadIdx.x == 0) norms[blockIdx.x] = (float) norm;
}

extern "C" __global__ void __launch_bounds__(256) extrapolate(
    const float* x, const float* y, float* out, float along, float back, long long count) {
    each(out, count, [=](long long i) { return along * x[i] - back * y[i]; });
}
