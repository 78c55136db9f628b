// unpack_slots.cu: codes out of 16-bit slots into a dense matrix, for products of many tokens, which are dense ones
//
// Problem  out[j,i] = S[i,j], zeros included.
// Layout   words, starts and the rest as in packed_gemv.cu; out (rows, k) f32, overwritten.
// Launch   block (32, 16): a block a tile, a warp a part of its units; grid (tiles).
// Order    A block clears its rows, then each lane writes its slots; no element is written by two lanes.
// Bound    Memory, by design (not yet measured): 4 k bytes a row cleared, 4 s written here and there, about 2 s read.
// Limits   words 16-byte aligned; offsets are 64-bit. Callers check.
// Registers at most 40.
#include "primitives/slots.cuh"

template <typename Reader>
static __device__ __forceinline__ void unpack(
    Reader reader, const uint4* words, const unsigned short* starts, float* out, int rows, int units, int k) {
    int lane = threadIdx.x;
    int part = threadIdx.y;
    int above = blockIdx.x * TILE_ROWS;
    float* tile = out + above * (long long) k;
    long long count = min(rows - above, TILE_ROWS) * (long long) k;
    for (long long i = part * 32 + lane; i < count; i += 32 * PARTS) tile[i] = 0;
    reader.prepare(part * 32 + lane);
    __syncthreads();
    if (above + lane >= rows) return;

    float* to = tile + lane * (long long) k;
    int first = first_unit(part, units);
    int last = first_unit(part + 1, units);
    unsigned int at = 4 * first_atom(starts, blockIdx.x, part, lane, units);
    auto take = [&](unsigned int from, int offset, float value, int) {
        int atom = (from + offset) / 4;
        // slots that only fill up have the value +0, on atoms that may be another slot's or no atom
        if (__float_as_uint(value) != 0) to[atom] = value;
    };
    for (int u = first; u < last; u++) {
        reader.unit(words[(blockIdx.x * (long long) units + u) * TILE_ROWS + lane], at, take);
    }
}

extern "C" __global__ void __launch_bounds__(512) unpack_gaps(
    const uint4* words, const unsigned short* starts, float* out, int rows, int units, int k) {
    unpack(Gaps(), words, starts, out, rows, units, k);
}

extern "C" __global__ void __launch_bounds__(512) unpack_wide(
    const uint4* words, const unsigned short* starts, float* out, int rows, int units, int k) {
    unpack(WideGaps(), words, starts, out, rows, units, k);
}

extern "C" __global__ void __launch_bounds__(512) unpack_2_4(
    const uint4* words, float* out, int rows, int units, int k) {
    unpack(TwoOfFour(), words, nullptr, out, rows, units, k);
}

extern "C" __global__ void __launch_bounds__(512) unpack_8_16(
    const uint4* words, float* out, int rows, int units, int k) {
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    unpack(EightOfSixteen{table}, words, nullptr, out, rows, units, k);
}
