// terms.cuh: an f32 as the sum of three bf16 of 8 bits each, the leading bits first, by cutting: so none of them overflows
//
// Their sum is the value itself from 2^-110 on; what is smaller loses less than 2^-133, bf16's smallest number. An infinity leaves
// NaN behind its first term, and so does NaN: a product of all three terms is NaN then.
#pragma once

constexpr int TERMS = 3;

/** The upper halves of two f32 patterns as a word of two bf16, and what they leave of the values, exactly. */
static __device__ __forceinline__ unsigned int take_upper(float& first, float& second) {
    unsigned int low = __float_as_uint(first) & 0xffff0000u;
    unsigned int high = __float_as_uint(second) & 0xffff0000u;
    first -= __uint_as_float(low);
    second -= __uint_as_float(high);
    return low >> 16 | high;
}
