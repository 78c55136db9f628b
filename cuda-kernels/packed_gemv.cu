// packed_gemv.cu: y = z S for few tokens, S in 16-bit slots
//
// Problem  y[t,j] = sum over i of z[t,i] S[i,j]; z = x D is given. z (tokens, k) f32, y (tokens, rows) f32, f32 accumulation.
// Source   CoSpaDi, arXiv 2509.22075, inference y = (x D) S.
// Layout   io.cospadi.gpu.SlottedCodes specifies words, starts, units, rows_per_tile and reach; a kernel a pattern. A row is an
//          output feature: a column of S.
// Launch   block (32, any number of warps up to 16): a warp a tile; grid (blocks for all tiles, tokens). Dynamic shared memory:
//          4 reach bytes. Static: 1 KiB in packed_gemv_8_16. No atomics.
// Order    A lane adds its slots in turn, in two sums; then a fixed shuffle tree over a row's parts: equal inputs give equal
//          bits, whatever the grid.
// Bound    Memory: at d1 4096, d2 14336, k 3649, s 1824 a random mask takes 56.7 MB a token in packed_gemv_gaps. Behind it stands
//          shared memory: lanes meet in its banks, 2.4 to a load (measured by ncu on an NVIDIA H200, with 32 rows a tile).
// Limits   tokens <= 65535; reach within what shared memory holds. words 16-byte aligned. Callers check.
// Registers at most 64.
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"
#include "primitives/slots.cuh"
#include "primitives/unroll.cuh"

/** Units that a lane loads before it works on the first of them. */
constexpr int BATCH = 4;

/** {@code token} <- the k floats at z, and zeros up to {@code reach}. */
static __device__ __forceinline__ void stage(float* token, const float* z, int k, int reach) {
    int thread = threadIdx.y * 32 + threadIdx.x;
    int threads = 32 * blockDim.y;
    int quads = reinterpret_cast<size_t>(z) % 16 == 0 ? k / 4 : 0;
    UNROLL_BY_4
    for (int i = thread; i < quads; i += threads) {
        reinterpret_cast<float4*>(token)[i] = reinterpret_cast<const float4*>(z)[i];
    }
    for (int i = 4 * quads + thread; i < reach; i += threads) token[i] = i < k ? z[i] : 0;
}

template <typename Reader>
static __device__ __forceinline__ void multiply(
    Reader reader, const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int rows_per_tile,
    int units, int k, int reach) {
    DYNAMIC_SHARED(float, token);
    int lane = threadIdx.x;
    int tile = blockIdx.x * blockDim.y + threadIdx.y;
    bool live = (long long) tile * rows_per_tile < rows;
    const uint4* next = words + (long long) tile * units * 32 + lane;
    uint4 batch[BATCH];
    unsigned int start = 0;
    // the first loads are on their way while the token is staged
    if (live) {
        UNROLL
        for (int u = 0; u < BATCH; u++) {
            if (u < units) batch[u] = __ldcs(next + 32 * u);
        }
        start = starts == nullptr ? lane / rows_per_tile * units * 16 : starts[32 * tile + lane];
    }
    stage(token, z + (long long) blockIdx.y * k, k, reach);
    __syncthreads();
    if (!live) return;

    unsigned int at = shared_place(token) + 4 * start;
    float sums[2] = {0, 0};
    auto take = [&](unsigned int from, int offset, float value, int half) {
        sums[half] += *reinterpret_cast<const float*>(shared_pointer(from) + offset) * value;
    };
    for (int left = units; left > 0; left -= BATCH) {
        if (left >= BATCH) {
            UNROLL
            for (int u = 0; u < BATCH; u++) reader.unit(batch[u], at, take);
        } else {
            UNROLL
            for (int u = 0; u < BATCH; u++) {
                if (u < left) reader.unit(batch[u], at, take);
            }
        }
        next += 32 * BATCH;
        UNROLL
        for (int u = 0; u < BATCH; u++) {
            if (u < left - BATCH) batch[u] = __ldcs(next + 32 * u);
        }
    }
    float sum = sums[0] + sums[1];
    for (int by = 16; by >= rows_per_tile; by /= 2) sum += __shfl_xor_sync(ALL_LANES, sum, by);
    long long row = (long long) tile * rows_per_tile + lane;
    if (lane < rows_per_tile && row < rows) y[(long long) blockIdx.y * rows + row] = sum;
}

extern "C" __global__ void __launch_bounds__(512) packed_gemv_gaps(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int rows_per_tile, int units, int k,
    int reach) {
    multiply(Gaps(), words, starts, z, y, rows, rows_per_tile, units, k, reach);
}

extern "C" __global__ void __launch_bounds__(512) packed_gemv_wide(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int rows_per_tile, int units, int k,
    int reach) {
    multiply(WideGaps(), words, starts, z, y, rows, rows_per_tile, units, k, reach);
}

extern "C" __global__ void __launch_bounds__(512) packed_gemv_2_4(
    const uint4* words, const float* z, float* y, int rows, int rows_per_tile, int units, int k, int reach) {
    multiply(TwoOfFour(), words, nullptr, z, y, rows, rows_per_tile, units, k, reach);
}

extern "C" __global__ void __launch_bounds__(512) packed_gemv_8_16(
    const uint4* words, const float* z, float* y, int rows, int rows_per_tile, int units, int k, int reach) {
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    for (int i = threadIdx.y * 32 + threadIdx.x; i < EightOfSixteen::ENTRIES; i += 32 * blockDim.y) {
        table[i] = EightOfSixteen::entry(i);
    }
    multiply(EightOfSixteen{table}, words, nullptr, z, y, rows, rows_per_tile, units, k, reach);
}
