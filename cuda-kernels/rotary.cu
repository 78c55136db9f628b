// rotary.cu: rotary position embedding in place, and back; with appending to the cache
//
// Problem  In each head, the pair (a, b) of elements j and j + half of token i becomes (a cos - b sin, b cos + a sin), with the
//          cosine and the sine at [first + i, j] of the tables, the sine times `direction`: 1 turns, -1 turns back.
//          rotate_and_append: queries so in their place; keyCache[first + i] = key i so, valueCache[first + i] = value i as it is.
// Source   Su et al., RoFormer, arXiv 2104.09864, in the half-split form of Llama's published code.
// Layout   x, queries (tokens, heads, 2 half), keys, values (tokens, kvHeads, 2 half), caches (positions, kvHeads, 2 half) f32;
//          cos, sin (positions, half) f32, read only. Row-major, dense. positionOffset: one int32, added to `first`, or null. So
//          a captured graph moves on by one number.
// Launch   Any line of blocks of 256 threads, grid-stride; a thread a pair.
// Bound    Memory, by design (not yet measured): 16 bytes a pair; the tables come from the cache.
// Limits   first + *positionOffset + tokens <= positions, which callers check; offsets are 64-bit.
// Registers at most 40.
#include "primitives/early.cuh"

/** {@code out} <- the pair (x, x + half) turned by the angle at {@code angle} of the tables. */
static __device__ __forceinline__ void turn(
    const float* x, float* out, const float* cos, const float* sin, long long angle, int half, float direction) {
    float a = x[0];
    float b = x[half];
    float c = cos[angle];
    float s = direction * sin[angle];
    out[0] = a * c - b * s;
    out[half] = b * c + a * s;
}

static __device__ __forceinline__ int moved(int first, const int* offset) { return offset ? first + *offset : first; }

extern "C" __global__ void __launch_bounds__(256) rotate(
    float* x, const float* cos, const float* sin, const int* positionOffset, int tokens, int heads, int half, int first,
    float direction) {
    let_next_launch_begin();
    wait_for_launch_before();
    int start = moved(first, positionOffset);
    long long pairs = (long long) tokens * heads * half;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < pairs; i += gridDim.x * (long long) blockDim.x) {
        long long head = i / half;
        int j = (int) (i - head * half);
        float* pair = x + head * 2 * half + j;
        turn(pair, pair, cos, sin, (start + head / heads) * half + j, half, direction);
    }
}

extern "C" __global__ void __launch_bounds__(256) rotate_and_append(
    float* queries, const float* keys, const float* values, float* keyCache, float* valueCache, const float* cos,
    const float* sin, const int* positionOffset, int tokens, int heads, int kvHeads, int half, int first) {
    let_next_launch_begin();
    wait_for_launch_before();
    int start = moved(first, positionOffset);
    int all = heads + 2 * kvHeads;
    long long pairs = (long long) tokens * all * half;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < pairs; i += gridDim.x * (long long) blockDim.x) {
        long long head = i / half;
        int j = (int) (i - head * half);
        long long token = head / all;
        int number = (int) (head - token * all);
        long long angle = (start + token) * half + j;
        if (number < heads) {
            float* query = queries + (token * heads + number) * 2 * half + j;
            turn(query, query, cos, sin, angle, half, 1);
            continue;
        }
        bool value = number >= heads + kvHeads;
        int own = number - heads - (value ? kvHeads : 0);
        long long from = (token * kvHeads + own) * 2 * half + j;
        long long to = ((start + token) * kvHeads + own) * 2 * half + j;
        if (value) {
            valueCache[to] = values[from];
            valueCache[to + half] = values[from + half];
        } else {
            turn(keys + from, keyCache + to, cos, sin, angle, half, 1);
        }
    }
}
