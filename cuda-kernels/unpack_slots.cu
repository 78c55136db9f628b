// unpack_slots.cu: codes out of 16-bit slots into a dense matrix, for products of many tokens, which are dense ones
//
// Problem  out[j,i] = S[i,j], zeros included; exact, as slots hold no more bits than a bf16.
// Layout   words, starts and the rest as in packed_gemv.cu; out (rows, pitch) bf16, overwritten, with zeros from column k on.
// Launch   block (32, 16): a block a tile, a warp a part of its units; grid (tiles).
// Order    A block clears its rows, then each lane writes its slots; no element is written by two lanes.
// Bound    Memory, by design (not yet measured): 2 pitch bytes a row cleared, 2 s written here and there, about 2 s read.
// Limits   words and out 16-byte aligned; pitch a multiple of 8, k or more; offsets are 64-bit. Callers check.
// Registers at most 40.
#include "primitives/slots.cuh"

template <typename Reader>
static __device__ __forceinline__ void unpack(
    Reader reader, const uint4* words, const unsigned short* starts, unsigned short* out, int rows, int units, int pitch) {
    int lane = threadIdx.x;
    int part = threadIdx.y;
    int above = blockIdx.x * TILE_ROWS;
    unsigned short* tile = out + above * (long long) pitch;
    long long quads = min(rows - above, TILE_ROWS) * (long long) pitch / 8;
    for (long long i = part * 32 + lane; i < quads; i += 32 * PARTS) reinterpret_cast<uint4*>(tile)[i] = uint4{};
    reader.prepare(part * 32 + lane);
    __syncthreads();
    if (above + lane >= rows) return;

    unsigned short* to = tile + lane * (long long) pitch;
    int first = first_unit(part, units);
    int last = first_unit(part + 1, units);
    unsigned int at = 4 * first_atom(starts, blockIdx.x, part, lane, units);
    auto take = [&](unsigned int from, int offset, float value, int) {
        int atom = (from + offset) / 4;
        // slots that only fill up have the value +0, on atoms that may be another slot's or no atom
        if (__float_as_uint(value) != 0) to[atom] = (unsigned short) (__float_as_uint(value) >> 16);
    };
    for (int u = first; u < last; u++) {
        reader.unit(words[(blockIdx.x * (long long) units + u) * TILE_ROWS + lane], at, take);
    }
}

extern "C" __global__ void __launch_bounds__(512) unpack_gaps(
    const uint4* words, const unsigned short* starts, unsigned short* out, int rows, int units, int pitch) {
    unpack(Gaps(), words, starts, out, rows, units, pitch);
}

extern "C" __global__ void __launch_bounds__(512) unpack_wide(
    const uint4* words, const unsigned short* starts, unsigned short* out, int rows, int units, int pitch) {
    unpack(WideGaps(), words, starts, out, rows, units, pitch);
}

extern "C" __global__ void __launch_bounds__(512) unpack_2_4(
    const uint4* words, unsigned short* out, int rows, int units, int pitch) {
    unpack(TwoOfFour(), words, nullptr, out, rows, units, pitch);
}

extern "C" __global__ void __launch_bounds__(512) unpack_8_16(
    const uint4* words, unsigned short* out, int rows, int units, int pitch) {
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    unpack(EightOfSixteen{table}, words, nullptr, out, rows, units, pitch);
}
