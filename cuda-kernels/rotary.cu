// rotary.cu: rotary position embedding in place, and back
//
// Problem  In each head, the pair (a, b) of elements j and j + half of token i becomes (a cos - b sin, b cos + a sin), with the
//          cosine and the sine at [first + i, j] of the tables, the sine times `direction`: 1 turns, -1 turns back.
// Source   Su et al., RoFormer, arXiv 2104.09864, in the half-split form of Llama's published code.
//          append_rotated: cache[position + i] = row i turned, position = first + *positionOffset; the row is left.
// Layout   x (tokens, heads, 2 half) f32; cos, sin (positions, half) f32, read only. Row-major, dense. positionOffset: one int32,
//          added to `first`, or null. So a captured graph moves on by one number.
// Launch   Any line of blocks of 256 threads, grid-stride; a thread a pair.
// Bound    Memory, by design (not yet measured): 16 bytes a pair; the tables come from the cache.
// Limits   first + *positionOffset + tokens <= positions, which callers check; offsets are 64-bit.
// Registers at most 40.
static __device__ __forceinline__ void turn(
    const float* x, float* out, const float* cos, const float* sin, int start, int tokens, int heads, int half,
    float direction) {
    long long pairs = (long long) tokens * heads * half;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < pairs; i += gridDim.x * (long long) blockDim.x) {
        long long head = i / half;
        int j = (int) (i - head * half);
        long long angle = (start + head / heads) * half + j;
        long long left = head * 2 * half + j;
        long long right = left + half;
        float a = x[left];
        float b = x[right];
        float c = cos[angle];
        float s = direction * sin[angle];
        out[left] = a * c - b * s;
        out[right] = b * c + a * s;
    }
}

extern "C" __global__ void __launch_bounds__(256) rotate(
    float* x, const float* cos, const float* sin, const int* positionOffset, int tokens, int heads, int half, int first,
    float direction) {
    turn(x, x, cos, sin, positionOffset ? first + *positionOffset : first, tokens, heads, half, direction);
}

extern "C" __global__ void __launch_bounds__(256) append_rotated(
    const float* rows, float* cache, const float* cos, const float* sin, const int* positionOffset, int tokens, int heads,
    int half, int first) {
    int start = positionOffset ? first + *positionOffset : first;
    turn(rows, cache + (long long) start * heads * 2 * half, cos, sin, start, tokens, heads, half, 1);
}
