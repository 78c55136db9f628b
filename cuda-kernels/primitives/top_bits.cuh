// top_bits.cuh: singles of which only the topmost bits of the pattern are kept; 16 of them are bf16
#pragma once

/** The nearest with so many bits dropped, 1 to 22; ties to the pattern whose last kept bit is 0; NaN stays NaN. */
static __device__ __forceinline__ float without_low_bits(float x, int dropped) {
    if (x != x) return __uint_as_float(0x7fc00000u);
    unsigned int pattern = __float_as_uint(x);
    pattern += (1u << (dropped - 1)) - 1 + (pattern >> dropped & 1);
    return __uint_as_float(pattern >> dropped << dropped);
}

static __device__ __forceinline__ float round_to_bf16(float x) { return without_low_bits(x, 16); }
