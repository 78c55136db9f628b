// triangular.cu: inverses of the diagonal blocks of a triangular matrix, so that the rest of a solve is products
//
// Problem  X = L[b,b]^-1 for every diagonal block b of 128 rows, the last of as many as are left. L's strict upper triangle is not
//          read. A zero on the diagonal gives infinities and NaN, as dividing by it would.
// Source   Du Croz and Higham, Stability of methods for matrix inversion, IMA J. Numer. Anal. 12 (1992).
// Layout   factor L (n, n), inverses (n, 128) f32, row-major: row i of inverses is that row's part of its own block's inverse, 0
//          beyond the diagonal.
// Launch   One block of 256 threads a diagonal block. Dynamic shared memory: its 128 rows of 132 floats, 67,584 bytes. Rows that
//          the last one lacks are 0; what comes of them stays in them.
// Order    Squares of 16 by substitution, a warp each, a lane a column; then neighbours are joined to 32, 64 and 128 rows by
//              [A 0; B C]^-1 = [A^-1 0; -C^-1 (B A^-1), C^-1].
//          Sums run ascending in one thread: equal inputs give equal bits.
// Bound    Latency, by design (not yet measured): 16 divisions one after the other, then six products between barriers, 0.7 million
//          multiply-adds a block; n / 128 blocks do not fill a GPU.
// Limits   n >= 1; offsets are 64-bit.
// Registers at most 64.
#include "primitives/shared.cuh"
#include "primitives/unroll.cuh"

constexpr int BLOCK = 128;
constexpr int PITCH = BLOCK + 4;
constexpr int SQUARE = 16;

/** A warp inverts 16 rows of the diagonal in their place. */
static __device__ __forceinline__ void invert_square(float* square) {
    int column = threadIdx.x % 32;
    float x[SQUARE];
    UNROLL
    for (int i = 0; i < SQUARE; i++) {
        x[i] = i == column ? 1 : 0;
        UNROLL
        for (int l = 0; l < i; l++) x[i] -= square[i * PITCH + l] * x[l];
        x[i] /= square[i * PITCH + i];
    }
    // every lane has read what they write
    __syncwarp();
    if (column < SQUARE) {
        UNROLL
        for (int i = 0; i < SQUARE; i++) square[i * PITCH + column] = x[i];
    }
}

/** out <- sign a b, all (H, H), by 4 H threads; a or b may be out. */
template <int H>
static __device__ __forceinline__ void multiply(float* out, float sign, const float* a, const float* b) {
    constexpr int ROWS = H / 16;
    int thread = threadIdx.x % (4 * H);
    int row = thread / (H / 4) * ROWS;
    int column = thread % (H / 4) * 4;
    float sums[ROWS][4] = {};
    UNROLL_BY_4
    for (int l = 0; l < H; l++) {
        float4 q = *reinterpret_cast<const float4*>(b + l * PITCH + column);
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            float factor = a[(row + r) * PITCH + l];
            sums[r][0] += factor * q.x;
            sums[r][1] += factor * q.y;
            sums[r][2] += factor * q.z;
            sums[r][3] += factor * q.w;
        }
    }
    // every thread has read what they write
    __syncthreads();
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        *reinterpret_cast<float4*>(out + (row + r) * PITCH + column) =
            make_float4(sign * sums[r][0], sign * sums[r][1], sign * sums[r][2], sign * sums[r][3]);
    }
    __syncthreads();
}

/** Joins inverses of H rows to inverses of 2 H, all pairs at once. */
template <int H>
static __device__ __forceinline__ void join(float* block) {
    float* upper = block + threadIdx.x / (4 * H) * 2 * H * (PITCH + 1);
    float* left = upper + H * PITCH;
    multiply<H>(left, 1, left, upper);
    multiply<H>(left, -1, left + H, left);
}

extern "C" __global__ void __launch_bounds__(256) invert_diagonal_blocks(const float* factor, float* inverses, int n) {
    DYNAMIC_SHARED(float, block);
    int first = blockIdx.x * BLOCK;
    int rows = min(BLOCK, n - first);
    int j = threadIdx.x % BLOCK;
    UNROLL
    for (int pair = 0; pair < BLOCK; pair += 2) {
        int i = pair + threadIdx.x / BLOCK;
        block[i * PITCH + j] = i < rows && j <= i ? factor[(first + i) * (long long) n + first + j] : 0;
    }
    __syncthreads();
    invert_square(block + threadIdx.x / 32 * SQUARE * (PITCH + 1));
    __syncthreads();
    join<16>(block);
    join<32>(block);
    join<64>(block);
    for (int at = threadIdx.x; at < rows * BLOCK; at += blockDim.x) {
        inverses[first * (long long) BLOCK + at] = block[at / BLOCK * PITCH + at % BLOCK];
    }
}
