// packed_gemv.cu: y = z S for one token, S in 16-bit slots; up to three products in a launch
//
// Problem  y[t,j] = sum over i of z[t,i] S[i,j] for each product; z = x D is given. z (tokens, k) f32, y (tokens, rows) f32, f32
//          accumulation. Each token reads S for itself; packed_gemv_tokens.cu reads it once for several, unless shared memory is
//          too small.
// Source   CoSpaDi, arXiv 2509.22075, inference y = (x D) S.
// Layout   io.cospadi.gpu.SlottedCodes specifies words, starts, units and reach; a kernel a pattern. A row is an output feature:
//          a column of S.
// Launch   block (32, 16): a block a tile of 32 rows, a warp a part of its units; grid (tiles, tokens, products), with the tiles of
//          the product that has most. In packed_gemv_2_4_few and packed_gemv_8_16_few block (32, 32), a warp half a part.
//          Dynamic shared memory: 4 bytes times the farthest reach. Static: 2 or 4 KiB, with 8:16 1 more. No atomics. With add,
//          y is added to. May begin early: codes are weights.
// Order    A lane adds its slots in turn, in two sums, without starts those of each half of its part; then the parts' sums in
//          turn: equal inputs give equal bits, whichever kernel of a pattern adds and whatever products are beside.
// Bound    Memory: at d1 4096, d2 14336, k 3649, s 1824 a random mask takes 57 MB a token in packed_gemv_gaps. Behind it stands
//          shared memory: lanes meet in its banks, 2.4 to a load. An NVIDIA H100 reads that at 94 % of its copy bandwidth, an
//          H200 at 83 %, with 64 warps a multiprocessor: loads of one warp wait for each other, so that more of them at a time
//          gain nothing, and rows cut in parts for lanes of one warp meet in banks more often.
//          Where there are fewer than two blocks a multiprocessor (128 tiles of 4096 rows) that many warps are not there. There
//          packed_gemv_*_few does better: without starts by twice the warps (H100, 8.9 MB: 6.2 us instead of 7.4), with starts
//          by AHEAD loads a lane (9.7 MB: 6.0 us instead of 7.6; twice the warps 6.3). A kernel that only reads takes 4.7 and
//          5.0. Measured by hand, in graphs of 40 launches. Several products in a launch: not yet measured.
// Limits   tokens <= 65535; 4 reach bytes and what is static within shared memory (reach <= 24064 where a block has 99 KiB, the
//          least). words 16-byte aligned. Callers check.
//          Launch bounds hold all but packed_gemv_gaps_few and packed_gemv_wide_few at 32 registers.
// Registers at most 64.
#include "primitives/early.cuh"
#include "primitives/shared.cuh"
#include "primitives/slots.cuh"
#include "primitives/unroll.cuh"

constexpr int MOST_PRODUCTS = 3;

/** One product of a launch. */
struct CodeProduct {
    const uint4* words;
    const unsigned short* starts;  // null where the pattern has none
    const float* z;
    float* y;
    int rows;
    int units;
    int k;
    int reach;
};

/** Those behind the last have no rows. */
struct CodeProducts {
    CodeProduct of[MOST_PRODUCTS];
};

/** The block's, looked up each time anew: the compiler would keep it in registers that the loop over units has no room for. */
static __device__ __forceinline__ CodeProduct own(const CodeProducts& products) {
    unsigned int number = blockIdx.z;
    asm volatile("" : "+r"(number));
    CodeProduct product = products.of[0];
    UNROLL
    for (int p = 1; p < MOST_PRODUCTS; p++) {
        if (number == p) product = products.of[p];
    }
#ifndef SIMT
    __builtin_assume(__isGlobal(product.starts));
    __builtin_assume(__isGlobal(product.z));
    __builtin_assume(__isGlobal(product.y));
#endif
    return product;
}

/** Loads of a lane that are on their way where blocks are few. */
constexpr int AHEAD = 4;

/** {@code token} <- the k floats at z, and zeros up to {@code reach}. */
static __device__ __forceinline__ void stage(float* token, const float* z, int k, int reach, int thread, int threads) {
    int quads = reinterpret_cast<size_t>(z) % 16 == 0 ? k / 4 : 0;
    UNROLL_BY_2
    for (int i = thread; i < quads; i += threads) {
        reinterpret_cast<float4*>(token)[i] = reinterpret_cast<const float4*>(z)[i];
    }
    UNROLL_BY_2
    for (int i = 4 * quads + thread; i < reach; i += threads) token[i] = i < k ? z[i] : 0;
}

/** A lane has LOADS loads on their way. Without starts a part's halves are summed each by itself, so that each may have a warp. */
template <int LOADS, int WARPS, typename Reader>
static __device__ __forceinline__ void multiply(
    Reader reader, float (*partial)[TILE_ROWS], const CodeProducts& products, int add) {
    static_assert(WARPS == PARTS || Reader::FIXED, "starts are those of PARTS parts");
    DYNAMIC_SHARED(float, token);
    let_next_launch_begin();
    CodeProduct product = own(products);
    int tile = blockIdx.x;
    if (tile * TILE_ROWS >= product.rows) return;
    int units = product.units;
    int lane = threadIdx.x;
    int part = threadIdx.y;
    int first = first_unit(part, units, WARPS);
    int left = first_unit(part + 1, units, WARPS) - first;
    const uint4* next = product.words + (tile * (long long) units + first) * TILE_ROWS + lane;
    uint4 unit[LOADS];
    // the first loads are on their way while the launch before ends and the token is staged
    UNROLL
    for (int i = 0; i < LOADS; i++) {
        if (left > i) unit[i] = __ldcs(next + i * TILE_ROWS);
    }
    int start = first_atom(Reader::FIXED ? nullptr : product.starts, tile, part, lane, units, WARPS);
    int thread = part * 32 + lane;
    reader.prepare(thread);
    wait_for_launch_before();
    product = own(products);
    stage(token, product.z + (long long) blockIdx.y * product.k, product.k, product.reach, thread, 32 * WARPS);
    __syncthreads();

    constexpr bool TWO_HALVES = Reader::FIXED && WARPS == PARTS;
    int behind = second_half(part, units);
    unsigned int at = shared_place(token) + 4 * start;
    if (TWO_HALVES) partial[part][lane] = 0;
    float sums[2] = {0, 0};
    auto take = [&](unsigned int from, int offset, float value, int which) {
        sums[which] += *reinterpret_cast<const float*>(shared_pointer(from) + offset) * value;
    };
    for (; left > 0; left -= LOADS) {
        next += LOADS * TILE_ROWS;
        UNROLL
        for (int i = 0; i < LOADS; i++) {
            if (left > i) {
                if (TWO_HALVES && left - i == behind) {
                    partial[part][lane] = sums[0] + sums[1];
                    sums[0] = sums[1] = 0;
                }
                reader.unit(unit[i], at, take);
            }
            if (left > LOADS + i) unit[i] = __ldcs(next + i * TILE_ROWS);
        }
    }
    partial[part][lane] = TWO_HALVES ? partial[part][lane] + (sums[0] + sums[1]) : sums[0] + sums[1];
    product = own(products);
    int row = tile * TILE_ROWS + lane;
    if (part > 0 || row >= product.rows) row = -1;
    float* to = product.y + (long long) blockIdx.y * product.rows + row;
    float sum = add && row >= 0 ? *to : 0;
    __syncthreads();
    if (row < 0) return;
    for (int p = 0; p < PARTS; p++) sum += WARPS > PARTS ? partial[2 * p][lane] + partial[2 * p + 1][lane] : partial[p][lane];
    *to = sum;
}

extern "C" __global__ void __launch_bounds__(512, 4) packed_gemv_gaps(CodeProducts products, int add) {
    __shared__ float partial[PARTS][TILE_ROWS];
    multiply<1, PARTS>(Gaps(), partial, products, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_gaps_few(CodeProducts products, int add) {
    __shared__ float partial[PARTS][TILE_ROWS];
    multiply<AHEAD, PARTS>(Gaps(), partial, products, add);
}

extern "C" __global__ void __launch_bounds__(512, 4) packed_gemv_wide(CodeProducts products, int add) {
    __shared__ float partial[PARTS][TILE_ROWS];
    multiply<1, PARTS>(WideGaps(), partial, products, add);
}

extern "C" __global__ void __launch_bounds__(512, 2) packed_gemv_wide_few(CodeProducts products, int add) {
    __shared__ float partial[PARTS][TILE_ROWS];
    multiply<AHEAD, PARTS>(WideGaps(), partial, products, add);
}

extern "C" __global__ void __launch_bounds__(512, 4) packed_gemv_2_4(CodeProducts products, int add) {
    __shared__ float partial[PARTS][TILE_ROWS];
    multiply<1, PARTS>(TwoOfFour(), partial, products, add);
}

extern "C" __global__ void __launch_bounds__(1024, 2) packed_gemv_2_4_few(CodeProducts products, int add) {
    __shared__ float partial[2 * PARTS][TILE_ROWS];
    multiply<1, 2 * PARTS>(TwoOfFour(), partial, products, add);
}

extern "C" __global__ void __launch_bounds__(512, 4) packed_gemv_8_16(CodeProducts products, int add) {
    __shared__ float partial[PARTS][TILE_ROWS];
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    multiply<1, PARTS>(EightOfSixteen{table}, partial, products, add);
}

extern "C" __global__ void __launch_bounds__(1024, 2) packed_gemv_8_16_few(CodeProducts products, int add) {
    __shared__ float partial[2 * PARTS][TILE_ROWS];
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    multiply<1, 2 * PARTS>(EightOfSixteen{table}, partial, products, add);
}
