// code_sweep.cu: a Gauss-Seidel sweep over the codes of a few atoms on the support they have, every signal by itself
//
// Problem  for j ascending: x[j,i] <- (x[j,i] - sum over l < j of M[j,l] x[l,i]) / M[j,j] where support[j,i] is not 0 (-0 is 0) and
//          M[j,j] > 0, else 0. M: the atoms' products; x: their correlations with the residuals, then the changes of the codes.
// Source   the codes' half of approximate K-SVD (Rubinstein, Zibulevsky, Elad, CS-2008-08), a block of atoms at once.
// Layout   gram M (b, b), support and x (b, n) f32, row-major: an atom a row, a signal a column. x is overwritten, the others
//          read only; of M the lower triangle counts.
// Launch   grid ceil(n / threads), any number of threads; dynamic shared memory 4 b (b + threads) bytes: M, then the block's x.
// Order    One thread a signal, l ascending: equal inputs give equal bits, whatever the launch.
// Bound    Memory, by design (not yet measured): 12 b n bytes, all read before the first sum; then b^2 / 2 multiply-adds a signal
//          from shared memory, whose M all threads read at one place.
// Limits   1 <= b <= 64, for the support is a mask in a register; n >= 1. Offsets are 64-bit. Callers check.
// Registers at most 64.
#include "primitives/shared.cuh"
#include "primitives/unroll.cuh"

extern "C" __global__ void __launch_bounds__(256) sweep_codes(
    const float* gram, const float* support, float* changes, int b, int n) {
    DYNAMIC_SHARED(float, products);
    for (int i = threadIdx.x; i < b * b; i += blockDim.x) products[i] = gram[i];
    __syncthreads();
    long long signal = blockIdx.x * (long long) blockDim.x + threadIdx.x;
    if (signal >= n) return;

    float* own = products + b * b + threadIdx.x;
    unsigned long long used = 0;
    UNROLL_BY_4
    for (int j = 0; j < b; j++) {
        long long at = (long long) j * n + signal;
        own[j * blockDim.x] = changes[at];
        used |= (unsigned long long) (__float_as_uint(support[at]) << 1 != 0) << j;
    }
    for (int j = 0; j < b; j++) {
        const float* row = products + j * b;
        float x = 0;
        if ((used >> j & 1) != 0 && row[j] > 0) {
            x = own[j * blockDim.x];
            UNROLL_BY_4
            for (int l = 0; l < j; l++) x -= row[l] * own[l * blockDim.x];
            x /= row[j];
        }
        own[j * blockDim.x] = x;
        changes[(long long) j * n + signal] = x;
    }
}
