// unpack_slots.cu: codes out of 16-bit slots into a dense matrix, for products of many tokens, which are dense ones
//
// Problem  out[j,i] = S[i,j], zeros included.
// Layout   slots, rest as in packed_gemv.cu; out (rows, k) f32, overwritten.
// Launch   block (32, 8): a warp a row, rows in turn; any number of blocks.
// Order    Every element is written once, by one lane; there is nothing to add.
// Bound    Memory, by design (not yet measured): 4 k bytes a row written, about 2 stride read.
// Limits   Slots and rest 4-byte aligned; offsets are 64-bit. Callers check.
// Registers at most 40.
#include "primitives/reduce.cuh"

extern "C" __global__ void __launch_bounds__(256) unpack_slots(
    const unsigned short* slots, const unsigned int* rest, float* out, int rows, int k, int stride, int carried) {
    unsigned int value_bits = carried > 0 ? 0xfffc : 0xffff;
    int words = (k + 31) / 32;
    int lane = threadIdx.x;
    for (long long row = blockIdx.x * (long long) blockDim.y + threadIdx.y; row < rows;
         row += (long long) gridDim.x * blockDim.y) {
        const unsigned short* own = slots + row * stride;
        const unsigned int* own_rest = rest + row * (words - min(words, carried));
        int before = 0;
        for (int w = 0; w < words; w++) {
            // a word's bits lie in 16 slots, two in each: lane l's bit is bit l % 2 of slot l / 2
            bool stored = w < carried ? own[16 * w + lane / 2] >> lane % 2 & 1 : own_rest[w - carried] >> lane & 1;
            unsigned int mask = __ballot_sync(ALL_LANES, stored);
            int i = 32 * w + lane;
            if (i < k) {
                int rank = before + __popc(mask & ((1u << lane) - 1));
                out[row * k + i] = stored ? __uint_as_float((own[rank] & value_bits) << 16) : 0;
            }
            before += __popc(mask);
        }
    }
}
