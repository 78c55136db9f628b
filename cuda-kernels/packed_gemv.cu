// packed_gemv.cu: y = z S for few tokens, S in 16-bit slots that carry their own bit mask
//
// Problem  y[t,j] = sum over i of z[t,i] S[i,j]; z = x D is given. z (tokens, k) f32, y (tokens, rows) f32, f32 accumulation.
// Source   CoSpaDi, arXiv 2509.22075, inference y = (x D) S.
// Layout   A row is an output feature: a column of S, with s nonzeros, atoms ascending.
//          slots (rows, stride) u16, stride a multiple of 16, at least s. The top 14 bits of slot p are the top 14 of the f32
//                pattern of the row's p-th nonzero (0 for p >= s), its low 2 bits are bits 2p and 2p + 1 of the row's mask;
//                or, with no payload, all 16 bits are the top 16 of the pattern.
//          rest  (rows, words - carried) u32: the mask's words from `carried` on, where words = ceil(k / 32) and carried is
//                stride / 16, or 0 with no payload.
//          Bit i of the mask is set where S[i,j] is stored; exactly s bits are; bits from k on are 0.
// Launch   block (32, 8): a warp a row, rows in turn; grid (any number of blocks, tokens). Dynamic shared memory: z padded to
//          128 words bytes, and for each warp 2 stride bytes of slots and 4 words bytes of mask. No atomics.
// Order    Lane l takes atoms l, l + 32, ... ascending; then a fixed shuffle tree: equal inputs give equal bits, whatever the grid.
// Bound    Memory, by design (not yet measured): each slot is read from memory once, 2 stride bytes a row for 2 s flops. At
//          d1 4096, d2 14336, k 3657, s 1828 that is 52.8 MB a token. Behind it stands shared memory: 2.25 loads a 32 atoms.
// Limits   tokens <= 65535; shared memory within 163 KiB. Slots and rest 16-byte aligned. Callers check.
// Registers at most 48.
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"

/** Two slots' mask bits, the low slot's first. */
static __device__ __forceinline__ unsigned int mask_bits(unsigned int two_slots) {
    return (two_slots & 3) | (two_slots >> 14 & 12);
}

/** The 16 mask bits of eight slots. */
static __device__ __forceinline__ unsigned int mask_bits(uint4 eight_slots) {
    return mask_bits(eight_slots.x) | mask_bits(eight_slots.y) << 4 | mask_bits(eight_slots.z) << 8
        | mask_bits(eight_slots.w) << 12;
}

static __device__ __forceinline__ float slot_value(unsigned short slot, unsigned int value_bits) {
    return __uint_as_float((slot & value_bits) << 16);
}

extern "C" __global__ void __launch_bounds__(256) packed_gemv(
    const uint4* slots, const unsigned int* rest, const float* z, float* y, int rows, int k, int stride, int carried) {
    unsigned int value_bits = carried > 0 ? 0xfffc : 0xffff;
    int words = (k + 31) / 32;
    int slot_words = stride / 16;
    int lane = threadIdx.x;
    int warp = threadIdx.y;
    DYNAMIC_SHARED(float, token);
    // 16 slots are 8 words of 32 bits: the slots stay on 16-byte boundaries, behind z and before the masks
    uint4* staged = reinterpret_cast<uint4*>(token + 32 * words) + warp * 2 * slot_words;
    const unsigned short* values = reinterpret_cast<const unsigned short*>(staged);
    unsigned int* masks = reinterpret_cast<unsigned int*>(token + 32 * words) + blockDim.y * 8 * slot_words + warp * words;

    const float* input = z + (long long) blockIdx.y * k;
    for (int i = warp * 32 + lane; i < 32 * words; i += 32 * blockDim.y) token[i] = i < k ? input[i] : 0;
    __syncthreads();

    for (long long row = blockIdx.x * (long long) blockDim.y + warp; row < rows; row += (long long) gridDim.x * blockDim.y) {
        const uint4* own = slots + row * 2 * slot_words;
        const unsigned int* own_rest = rest + row * (words - min(words, carried));
        for (int w = lane; w < slot_words; w += 32) {
            uint4 low = own[2 * w];
            uint4 high = own[2 * w + 1];
            staged[2 * w] = low;
            staged[2 * w + 1] = high;
            if (w < min(words, carried)) masks[w] = mask_bits(low) | mask_bits(high) << 16;
        }
        for (int w = carried + lane; w < words; w += 32) masks[w] = own_rest[w - carried];
        __syncwarp();

        float sum = 0;
        int before = 0;
        for (int w = 0; w < words; w++) {
            unsigned int mask = masks[w];
            if (mask >> lane & 1) {
                int rank = before + __popc(mask & ((1u << lane) - 1));
                sum += token[32 * w + lane] * slot_value(values[rank], value_bits);
            }
            before += __popc(mask);
        }
        sum = warp_reduce<Sum>(sum);
        if (lane == 0) y[(long long) blockIdx.y * rows + row] = sum;
        // the shuffles make the lanes wait for each other, but order no memory
        __syncwarp();
    }
}
