// unpack_slots.cu: codes out of 16-bit slots into a dense matrix, for products of many tokens, which are dense ones
//
// Problem  out[j,i] = S[i,j], zeros included.
// Layout   words, starts and the rest as in packed_gemv.cu; out (rows, k) f32, overwritten.
// Launch   block (32, any number of warps up to 16): a warp a tile; blocks for all tiles.
// Order    A warp clears its rows, then each lane writes its slots; no element is written by two lanes.
// Bound    Memory, by design (not yet measured): 4 k bytes a row cleared, 4 s written here and there, about 2 s read.
// Limits   words 16-byte aligned; offsets are 64-bit. Callers check.
// Registers at most 40.
#include "primitives/slots.cuh"

template <typename Reader>
static __device__ __forceinline__ void unpack(
    Reader reader, const uint4* words, const unsigned short* starts, float* out, int rows, int rows_per_tile, int units, int k) {
    int lane = threadIdx.x;
    long long tile = blockIdx.x * (long long) blockDim.y + threadIdx.y;
    long long first = tile * rows_per_tile;
    if (first >= rows) return;
    long long count = (rows - first < rows_per_tile ? rows - first : rows_per_tile) * k;
    for (long long i = lane; i < count; i += 32) out[first * k + i] = 0;
    __syncwarp();
    long long row = first + lane % rows_per_tile;
    if (row >= rows) return;

    float* to = out + row * k;
    unsigned int at = 4 * (starts == nullptr ? lane / rows_per_tile * units * 16 : starts[32 * tile + lane]);
    auto take = [&](unsigned int from, int offset, float value, int) {
        int atom = (from + offset) / 4;
        // slots that only fill up have the value +0, on atoms that may be another slot's or no atom
        if (__float_as_uint(value) != 0) to[atom] = value;
    };
    for (int u = 0; u < units; u++) reader.unit(words[(tile * units + u) * 32 + lane], at, take);
}

extern "C" __global__ void __launch_bounds__(512) unpack_gaps(
    const uint4* words, const unsigned short* starts, float* out, int rows, int rows_per_tile, int units, int k) {
    unpack(Gaps(), words, starts, out, rows, rows_per_tile, units, k);
}

extern "C" __global__ void __launch_bounds__(512) unpack_wide(
    const uint4* words, const unsigned short* starts, float* out, int rows, int rows_per_tile, int units, int k) {
    unpack(WideGaps(), words, starts, out, rows, rows_per_tile, units, k);
}

extern "C" __global__ void __launch_bounds__(512) unpack_2_4(
    const uint4* words, float* out, int rows, int rows_per_tile, int units, int k) {
    unpack(TwoOfFour(), words, nullptr, out, rows, rows_per_tile, units, k);
}

extern "C" __global__ void __launch_bounds__(512) unpack_8_16(
    const uint4* words, float* out, int rows, int rows_per_tile, int units, int k) {
    __shared__ unsigned int table[EightOfSixteen::ENTRIES];
    for (int i = threadIdx.y * 32 + threadIdx.x; i < EightOfSixteen::ENTRIES; i += 32 * blockDim.y) {
        table[i] = EightOfSixteen::entry(i);
    }
    __syncthreads();
    unpack(EightOfSixteen{table}, words, nullptr, out, rows, rows_per_tile, units, k);
}
