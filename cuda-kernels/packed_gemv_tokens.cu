// packed_gemv_tokens.cu: y = z S for 2 to 8 tokens, S in 16-bit slots that are read once for all of them
//
// Problem  y[t,j] = sum over i of z[t,i] S[i,j], as packed_gemv.cu.
// Source   CoSpaDi, arXiv 2509.22075, inference y = (x D) S.
// Layout   io.cospadi.gpu.SlottedCodes, as in packed_gemv.cu; a kernel a pattern and number of tokens.
// Launch   block (32, 16): a block takes every gridDim.x-th tile of 32 rows, a warp a part of its units; grid (blocks, tokens /
//          TOKENS, rounded up). Dynamic shared memory: 4 TOKENS reach bytes; what a block holds of the tokens stays there for all
//          of its tiles. Static: 2 KiB a token, in packed_gemv_tokens_*_8_16 1 more. No atomics. With add, y is added to.
// Order    As packed_gemv.cu: a token's bits are the same here and there.
// Bound    Shared memory: a slot is a load of 4 tokens' 16 bytes, in which lanes meet in banks. For gate of a Llama-3-8B at ratio
//          0.2 an NVIDIA H100 takes 32, 52 and 101 us for 2, 4 and 8 tokens, where memory alone would take 23; 29, 32 and 57 with
//          8:16, whose lanes stand on the same 16 atoms and share what they read.
// Limits   gridDim.y <= 65535; 4 TOKENS (reach + 512) bytes and 1 KiB within shared memory (for 8 tokens reach <= 2624 where a
//          block has 99 KiB, the least; for 4 5760, for 2 12032). words 16-byte aligned. Callers check.
// Registers at most 64.
#include "primitives/shared.cuh"
#include "primitives/slots.cuh"
#include "primitives/unroll.cuh"

/** Loads of a lane that are on their way. */
constexpr int AHEAD = 2;

/** WIDTH tokens' floats of one atom, which are loaded at once. */
template <int WIDTH>
struct Vector;
template <>
struct Vector<2> {
    typedef float2 type;
    static __device__ __forceinline__ float2 of(const float (&v)[2]) { return make_float2(v[0], v[1]); }
    static __device__ __forceinline__ void add(float* sums, float2 v, float value) {
        sums[0] += v.x * value;
        sums[1] += v.y * value;
    }
};
template <>
struct Vector<4> {
    typedef float4 type;
    static __device__ __forceinline__ float4 of(const float (&v)[4]) { return make_float4(v[0], v[1], v[2], v[3]); }
    static __device__ __forceinline__ void add(float* sums, float4 v, float value) {
        sums[0] += v.x * value;
        sums[1] += v.y * value;
        sums[2] += v.z * value;
        sums[3] += v.w * value;
    }
};

template <int TOKENS>
struct Shape {
    static constexpr int WIDTH = TOKENS < 4 ? TOKENS : 4;
    static constexpr int PLANES = TOKENS / WIDTH;
};

/** (PLANES, reach) vectors at {@code staged} <- {@code count} tokens of k floats at z, and zeros for the rest. */
template <int TOKENS>
static __device__ __forceinline__ void stage(float* staged, const float* z, int k, int reach, int count) {
    constexpr int WIDTH = Shape<TOKENS>::WIDTH;
    for (int i = threadIdx.y * 32 + threadIdx.x; i < reach; i += 32 * PARTS) {
        float all[TOKENS];
        UNROLL
        for (int t = 0; t < TOKENS; t++) all[t] = i < k && t < count ? z[t * (long long) k + i] : 0;
        UNROLL
        for (int plane = 0; plane < Shape<TOKENS>::PLANES; plane++) {
            float some[WIDTH];
            UNROLL
            for (int t = 0; t < WIDTH; t++) some[t] = all[plane * WIDTH + t];
            reinterpret_cast<typename Vector<WIDTH>::type*>(staged)[plane * (long long) reach + i] = Vector<WIDTH>::of(some);
        }
    }
}

template <int TOKENS, typename Reader>
static __device__ __forceinline__ void multiply(
    Reader reader, float (*partial)[PARTS][TILE_ROWS], const uint4* words, const unsigned short* starts, const float* z, float* y,
    int rows, int units, int k, int reach, int tokens, int add) {
    constexpr int WIDTH = Shape<TOKENS>::WIDTH;
    constexpr int PLANES = Shape<TOKENS>::PLANES;
    typedef typename Vector<WIDTH>::type Vec;
    DYNAMIC_SHARED(float, staged);
    int lane = threadIdx.x;
    int part = threadIdx.y;
    int first = first_unit(part, units);
    int count = first_unit(part + 1, units) - first;
    // where there are no starts, halves are summed each by itself, as where each has a warp
    int behind = Reader::FIXED ? second_half(part, units) : 0;
    int tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    int token = blockIdx.y * TOKENS;
    stage<TOKENS>(staged, z + token * (long long) k, k, reach, tokens - token);
    reader.prepare(part * 32 + lane);
    __syncthreads();

    unsigned int base = shared_place(staged);
    unsigned int plane = 4 * WIDTH * reach;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const uint4* next = words + (tile * (long long) units + first) * TILE_ROWS + lane;
        uint4 unit[AHEAD];
        UNROLL
        for (int i = 0; i < AHEAD; i++) {
            if (count > i) unit[i] = __ldcs(next + i * TILE_ROWS);
        }
        unsigned int at = 4 * first_atom(starts, tile, part, lane, units);
        float sums[2][TOKENS] = {};
        auto flush = [&](bool whole) {
            UNROLL
            for (int t = 0; t < TOKENS; t++) {
                float sum = sums[0][t] + sums[1][t];
                partial[t][part][lane] = whole ? sum : partial[t][part][lane] + sum;
                sums[0][t] = sums[1][t] = 0;
            }
        };
        auto take = [&](unsigned int from, int offset, float value, int half) {
            const unsigned char* atom = shared_pointer(base + WIDTH * from) + WIDTH * offset;
            UNROLL
            for (int p = 0; p < PLANES; p++) {
                Vector<WIDTH>::add(sums[half] + p * WIDTH, *reinterpret_cast<const Vec*>(atom + p * plane), value);
            }
        };
        for (int left = count; left > 0; left -= AHEAD) {
            next += AHEAD * TILE_ROWS;
            UNROLL
            for (int i = 0; i < AHEAD; i++) {
                if (left > i) {
                    if (left - i == behind) flush(true);
                    reader.unit(unit[i], at, take);
                }
                if (left > AHEAD + i) unit[i] = __ldcs(next + i * TILE_ROWS);
            }
        }
        flush(behind == 0);
        __syncthreads();
        // a warp a token
        int row = tile * TILE_ROWS + lane;
        if (part < TOKENS && token + part < tokens && row < rows) {
            float* to = y + (token + part) * (long long) rows + row;
            float sum = add ? *to : 0;
            for (int p = 0; p < PARTS; p++) sum += partial[part][p][lane];
            *to = sum;
        }
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_2_gaps(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int reach,
    int tokens, int add) {
    __shared__ float partial[2][PARTS][TILE_ROWS];
    multiply<2>(Gaps(), partial, words, starts, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_2_wide(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int reach,
    int tokens, int add) {
    __shared__ float partial[2][PARTS][TILE_ROWS];
    multiply<2>(WideGaps(), partial, words, starts, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_2_2_4(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int reach, int tokens, int add) {
    __shared__ float partial[2][PARTS][TILE_ROWS];
    multiply<2>(TwoOfFour(), partial, words, nullptr, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_2_8_16(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int reach, int tokens, int add) {
    __shared__ float partial[2][PARTS][TILE_ROWS];
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    multiply<2>(EightOfSixteen{table}, partial, words, nullptr, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_4_gaps(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int reach,
    int tokens, int add) {
    __shared__ float partial[4][PARTS][TILE_ROWS];
    multiply<4>(Gaps(), partial, words, starts, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_4_wide(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int reach,
    int tokens, int add) {
    __shared__ float partial[4][PARTS][TILE_ROWS];
    multiply<4>(WideGaps(), partial, words, starts, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_4_2_4(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int reach, int tokens, int add) {
    __shared__ float partial[4][PARTS][TILE_ROWS];
    multiply<4>(TwoOfFour(), partial, words, nullptr, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_4_8_16(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int reach, int tokens, int add) {
    __shared__ float partial[4][PARTS][TILE_ROWS];
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    multiply<4>(EightOfSixteen{table}, partial, words, nullptr, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_8_gaps(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int reach,
    int tokens, int add) {
    __shared__ float partial[8][PARTS][TILE_ROWS];
    multiply<8>(Gaps(), partial, words, starts, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_8_wide(
    const uint4* words, const unsigned short* starts, const float* z, float* y, int rows, int units, int k, int reach,
    int tokens, int add) {
    __shared__ float partial[8][PARTS][TILE_ROWS];
    multiply<8>(WideGaps(), partial, words, starts, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_8_2_4(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int reach, int tokens, int add) {
    __shared__ float partial[8][PARTS][TILE_ROWS];
    multiply<8>(TwoOfFour(), partial, words, nullptr, z, y, rows, units, k, reach, tokens, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_tokens_8_8_16(
    const uint4* words, const float* z, float* y, int rows, int units, int k, int reach, int tokens, int add) {
    __shared__ float partial[8][PARTS][TILE_ROWS];
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    multiply<8>(EightOfSixteen{table}, partial, words, nullptr, z, y, rows, units, k, reach, tokens, add);
}
