// packed_mma.cu: y = z S for 2 to 64 tokens, S in 16-bit slots, on tensor cores
//
// Problem  y[t,j] = sum over i of z[t,i] S[i,j], as packed_gemv.cu; its words are read once for all tokens.
// Source   CoSpaDi, arXiv 2509.22075, inference y = (x D) S.
// Layout   io.cospadi.gpu.SlottedCodes, a kernel a pattern, as in packed_gemv.cu.
// Method   A block writes 16 rows out as bf16 in shared memory, which holds 16-bit codes exactly. z is cut into three bf16 of 8
//          bits each, so that no bit of it is lost unless it is subnormal, and each is multiplied by m16n8k16 with f32 sums.
// Launch   block 256: thread 16 p + r unpacks part p of row r, warp w multiplies steps w, w + 8, ... of 16 atoms; grid (rows / 16,
//          rounded up). Dynamic shared memory: 32 bytes an atom of the pitch, which is at least reach, k rounded up to 16, and
//          128, and 8 above a multiple of 64, so that fragments share no bank. Static: in packed_mma_8_16 1 KiB. No atomics.
// Order    A warp's products in turn, then the warps' sums in turn: equal inputs give equal bits.
// Bound    Cutting z into bf16, which every block of 16 rows does anew: for gate of a Llama-3-8B at ratio 0.2 an NVIDIA H100
//          takes 170 us for up to 8 tokens, 384 for 32 and 653 for 64, where its memory would take 23. Up to 8 tokens
//          packed_gemv_tokens.cu is faster, beyond 16 unpack_slots.cu and cuBLAS should be, so the program takes these there.
// Limits   tokens <= 64; 32 pitch bytes and 1 KiB within shared memory (pitch <= 3080 where a block has 99 KiB, the least; 5128 where
//          it has 163). words 16-byte aligned. Callers check. As in a dense product an infinite z makes NaN.
// Registers at most 80.
#include "primitives/mma.cuh"
#include "primitives/shared.cuh"
#include "primitives/slots.cuh"
#include "primitives/terms.cuh"
#include "primitives/unroll.cuh"

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / 32;
constexpr int MOST_TOKENS = 64;
constexpr int TOKEN_TILES = MOST_TOKENS / MMA_COLS;

/** Writes part {@code threadIdx.x / 16} of row {@code threadIdx.x % 16} into the block's tile of rows, zeros elsewhere. */
template <typename Reader>
static __device__ __forceinline__ void write_out(
    Reader reader, unsigned short* tile, int pitch, const uint4* words, const unsigned short* starts, int units) {
    int row = threadIdx.x % MMA_ROWS;
    int lane = blockIdx.x % (TILE_ROWS / MMA_ROWS) * MMA_ROWS + row;
    int part = threadIdx.x / MMA_ROWS;
    int first = first_unit(part, units);
    int left = first_unit(part + 1, units) - first;
    long long tileOfRows = blockIdx.x / (TILE_ROWS / MMA_ROWS);
    const uint4* next = words + (tileOfRows * units + first) * TILE_ROWS + lane;
    uint4 unit;
    // the first load is on its way while the tile is cleared
    if (left > 0) unit = __ldcs(next);
    unsigned int at = 4 * first_atom(starts, tileOfRows, part, lane, units);
    for (int i = threadIdx.x; i < MMA_ROWS * pitch / 2; i += THREADS) reinterpret_cast<unsigned int*>(tile)[i] = 0;
    reader.prepare(threadIdx.x);
    __syncthreads();
    unsigned short* to = tile + row * pitch;
    auto take = [&](unsigned int from, int offset, float value, int) {
        // slots that fill up write zeros where no other slot of the row stands
        to[(from + offset) / 4] = (unsigned short) (__float_as_uint(value) >> 16);
    };
    for (; left > 0; left--) {
        uint4 taken = unit;
        next += TILE_ROWS;
        if (left > 1) unit = __ldcs(next);
        reader.unit(taken, at, take);
    }
    __syncthreads();
}

/** {@code b} <- 16 atoms of a token as fragments of three bf16 that add up to them. */
static __device__ __forceinline__ void load_token(const float* token, int atom, int k, unsigned int (&b)[TERMS][2]) {
    UNROLL
    for (int half = 0; half < 2; half++) {
        int i = atom + 8 * half;
        float first = token != nullptr && i < k ? token[i] : 0;
        float second = token != nullptr && i + 1 < k ? token[i + 1] : 0;
        UNROLL
        for (int n = 0; n < TERMS; n++) b[n][half] = take_upper(first, second);
    }
}

template <typename Reader>
static __device__ __forceinline__ void multiply(
    Reader reader, const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k,
    int pitch, int tokens, int add) {
    DYNAMIC_SHARED(unsigned short, tile);
    write_out(reader, tile, pitch, words, starts, units);

    int warp = threadIdx.x / 32;
    int group = threadIdx.x % 32 / 4;
    int pair = 2 * (threadIdx.x % 4);
    float sums[TOKEN_TILES][4] = {};
    for (int from = MMA_DEPTH * warp; from < k; from += MMA_DEPTH * WARPS) {
        const unsigned int* upper = reinterpret_cast<const unsigned int*>(tile + group * pitch + from + pair);
        const unsigned int* lower = upper + MMA_COLS * pitch / 2;
        unsigned int a[4] = {upper[0], lower[0], upper[4], lower[4]};
        UNROLL
        for (int n = 0; n < TOKEN_TILES; n++) {
            if (MMA_COLS * n < tokens) {
                int token = MMA_COLS * n + group;
                unsigned int b[TERMS][2];
                load_token(token < tokens ? z + token * (long long) k : nullptr, from + pair, k, b);
                UNROLL
                for (int part = TERMS - 1; part >= 0; part--) mma_bf16(sums[n], a, b[part]);
            }
        }
    }

    float* total = reinterpret_cast<float*>(tile);
    for (int w = 0; w < WARPS; w++) {
        // before the first turn: the tile has been read by all
        __syncthreads();
        if (warp == w) {
            UNROLL
            for (int n = 0; n < TOKEN_TILES; n++) {
                UNROLL
                for (int i = 0; i < 4; i++) {
                    float* to = total + (MMA_COLS * n + pair + i % 2) * MMA_ROWS + group + i / 2 * 8;
                    if (MMA_COLS * n < tokens) *to = w == 0 ? sums[n][i] : *to + sums[n][i];
                }
            }
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < tokens * MMA_ROWS; i += THREADS) {
        int row = blockIdx.x * MMA_ROWS + i % MMA_ROWS;
        if (row < rows) {
            float* to = y + i / MMA_ROWS * (long long) rows + row;
            *to = add ? *to + total[i] : total[i];
        }
    }
}

extern "C" __global__ void __launch_bounds__(256) packed_mma_gaps(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int pitch, int tokens,
    int add) {
    multiply(Gaps(), words, starts, z, y, rows, units, k, pitch, tokens, add);
}

extern "C" __global__ void __launch_bounds__(256) packed_mma_wide(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int pitch, int tokens,
    int add) {
    multiply(WideGaps(), words, starts, z, y, rows, units, k, pitch, tokens, add);
}

extern "C" __global__ void __launch_bounds__(256) packed_mma_2_4(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int pitch, int tokens, int add) {
    multiply(TwoOfFour(), words, nullptr, z, y, rows, units, k, pitch, tokens, add);
}

extern "C" __global__ void __launch_bounds__(256) packed_mma_8_16(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int pitch, int tokens, int add) {
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    multiply(EightOfSixteen{table}, words, nullptr, z, y, rows, units, k, pitch, tokens, add);
}
