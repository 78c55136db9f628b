// attention_gradient.cu: gradients of attention.cu at queries, keys and values, from position 0 on
//
// Problem  With P the attention weights and dO the gradient at the output O: dV = P^T dO, dS = P (dO V^T - delta) with
//          delta = rowsum(dO O), dQ = dS K / sqrt(headDim), dK = dS^T Q / sqrt(headDim). P is computed again, tile by tile, from
//          the logarithms of the sums that attention.cu leaves, as P = exp(scores - logSum).
// Source   Dao, FlashAttention-2, arXiv 2307.08691, without its atomics: dQ and dK, dV have a kernel each.
// Layout   queries, out, gradient, queryGradient (n, heads, headDim), keys, values, keyGradient, valueGradient (n, kvHeads,
//          headDim), logSums, deltas (n, heads), all f32, row-major, dense; matrices start on 16-byte boundaries.
// Launch   attention_delta: block 256, a warp a row of (n heads), grid ceil(n heads / 8). query_gradient: grid (query tiles,
//          heads), block 256. key_value_gradient: grid (key tiles, kvHeads), block 256; the query heads that share a key head
//          follow one another. A tile is 64 rows, in the _256 entries 32; in the _short ones, for devices whose blocks have less
//          than 163 KiB of shared memory, half of that. Dynamic shared memory: 3 tiles (query_gradient) or 4 of stride
//          4 (ceil(headDim / 4) | 1) and the weights, rows x (rows + 4), f32: 118,784 or 152,576 bytes at headDim 128, 55,296 or
//          72,192 in the _short entries; 104,448 or 137,728 at 256, 51,200 or 67,840.
// Order    Key tiles, or heads and in them query tiles, ascending; no atomics: equal inputs give equal bits in tiles of as many
//          rows.
// Bound    f32 arithmetic, by design (not yet measured). The four tiles of key_value_gradient leave room for one block an SM.
// Limits   headDim <= 256; heads <= 65535. Callers check, and choose the entry that fits into shared memory.
// Registers at most 216.
#include "primitives/reduce.cuh"
#include "primitives/tiles.cuh"

extern "C" __global__ void __launch_bounds__(256) attention_delta(
    const float* out, const float* gradient, float* deltas, int headDim, long long rows) {
    long long row = blockIdx.x * 8LL + threadIdx.x / 32;
    if (row >= rows) return;
    float sum = 0;
    for (int d = threadIdx.x % 32; d < headDim; d += 32) sum += out[row * headDim + d] * gradient[row * headDim + d];
    sum = warp_reduce<Sum>(sum);
    if (threadIdx.x % 32 == 0) deltas[row] = sum;
}

/** Whether the query at position i sees the key at position j. */
static __device__ __forceinline__ bool sees(int i, int j, int window) { return j <= i && i - j < window; }

template <int R, int GROUPS>
static __device__ __forceinline__ void query_gradient(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* queryGradient, int n, int heads, int kvHeads, int headDim, int window, float scale) {
    constexpr int TILE = 16 * R;
    int stride = tile_stride(headDim);
    DYNAMIC_SHARED(float, query);
    float* above = query + TILE * stride;
    float* tile = above + TILE * stride;
    float* weights = tile + TILE * stride;
    int head = blockIdx.y;
    int start = (gridDim.x - 1 - blockIdx.x) * TILE;
    int count = min(TILE, n - start);
    int end = start + count;
    long long query_pitch = (long long) heads * headDim;
    long long own = ((long long) start * heads + head) * headDim;
    long long pitch = (long long) kvHeads * headDim;
    long long shared_head = (long long) (head / (heads / kvHeads)) * headDim;
    load_tile<R>(query, queries + own, query_pitch, count, headDim, scale);
    load_tile<R>(above, gradient + own, query_pitch, count, headDim, 1);

    float log_sum[R];
    float delta[R];
    float factors[R];
    float sums[R][4 * GROUPS];
    UNROLL
    for (int r = 0; r < R; r++) {
        int i = start + R * (threadIdx.x / 16) + r;
        log_sum[r] = i < n ? logSums[(long long) i * heads + head] : 0;
        delta[r] = i < n ? deltas[(long long) i * heads + head] : 0;
        factors[r] = scale;
        UNROLL
        for (int c = 0; c < 4 * GROUPS; c++) sums[r][c] = 0;
    }
    for (int key = max(0, start - window + 1); key < end; key += TILE) {
        float slopes[R][R];
        float scores[R][R];
        __syncthreads();
        load_tile<R>(tile, values + key * pitch + shared_head, pitch, end - key, headDim, 1);
        __syncthreads();
        multiply_transposed<R>(above, tile, headDim, slopes);
        __syncthreads();
        load_tile<R>(tile, keys + key * pitch + shared_head, pitch, end - key, headDim, 1);
        __syncthreads();
        multiply_transposed<R>(query, tile, headDim, scores);
        UNROLL
        for (int r = 0; r < R; r++) {
            int i = start + R * (threadIdx.x / 16) + r;
            UNROLL
            for (int c = 0; c < R; c++) {
                float p = sees(i, key + threadIdx.x % 16 + 16 * c, window) && i < n ? expf(scores[r][c] - log_sum[r]) : 0;
                scores[r][c] = p * (slopes[r][c] - delta[r]);
            }
        }
        store_weights<R>(weights, scores);
        __syncwarp();
        multiply_add<R, GROUPS>(weights, tile, headDim, sums);
    }
    store_sums<R, GROUPS>(queryGradient + own, query_pitch, count, headDim, sums, factors);
}

template <int R, int GROUPS>
static __device__ __forceinline__ void key_value_gradient(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* keyGradient, float* valueGradient, int n, int heads, int kvHeads, int headDim, int window,
    float scale) {
    constexpr int TILE = 16 * R;
    int stride = tile_stride(headDim);
    DYNAMIC_SHARED(float, key);
    float* value = key + TILE * stride;
    float* query = value + TILE * stride;
    float* above = query + TILE * stride;
    float* weights = above + TILE * stride;
    int key_head = blockIdx.y;
    int group = heads / kvHeads;
    int start = blockIdx.x * TILE;
    int count = min(TILE, n - start);
    // queries from here on see none of these keys
    int end = window < n - (start + count - 1) ? start + count - 1 + window : n;
    long long pitch = (long long) kvHeads * headDim;
    long long own = ((long long) start * kvHeads + key_head) * headDim;
    long long query_pitch = (long long) heads * headDim;
    load_tile<R>(key, keys + own, pitch, count, headDim, 1);
    load_tile<R>(value, values + own, pitch, count, headDim, 1);

    float ones[R];
    float key_sums[R][4 * GROUPS];
    float value_sums[R][4 * GROUPS];
    UNROLL
    for (int r = 0; r < R; r++) {
        ones[r] = 1;
        UNROLL
        for (int c = 0; c < 4 * GROUPS; c++) {
            key_sums[r][c] = 0;
            value_sums[r][c] = 0;
        }
    }
    for (int head = key_head * group; head < (key_head + 1) * group; head++) {
        for (int from = start; from < end; from += TILE) {
            long long at = ((long long) from * heads + head) * headDim;
            __syncthreads();
            // scaled here, queries serve the scores and the keys' gradient
            load_tile<R>(query, queries + at, query_pitch, end - from, headDim, scale);
            load_tile<R>(above, gradient + at, query_pitch, end - from, headDim, 1);
            __syncthreads();
            float slopes[R][R];
            float scores[R][R];
            multiply_transposed<R>(key, query, headDim, scores);
            multiply_transposed<R>(value, above, headDim, slopes);
            UNROLL
            for (int c = 0; c < R; c++) {
                int i = from + threadIdx.x % 16 + 16 * c;
                float log_sum = i < end ? logSums[(long long) i * heads + head] : 0;
                float delta = i < end ? deltas[(long long) i * heads + head] : 0;
                UNROLL
                for (int r = 0; r < R; r++) {
                    int j = start + R * (threadIdx.x / 16) + r;
                    scores[r][c] = sees(i, j, window) && i < end ? expf(scores[r][c] - log_sum) : 0;
                    slopes[r][c] = scores[r][c] * (slopes[r][c] - delta);
                }
            }
            store_weights<R>(weights, scores);
            __syncwarp();
            multiply_add<R, GROUPS>(weights, above, headDim, value_sums);
            __syncwarp();
            store_weights<R>(weights, slopes);
            __syncwarp();
            multiply_add<R, GROUPS>(weights, query, headDim, key_sums);
        }
    }
    store_sums<R, GROUPS>(keyGradient + own, pitch, count, headDim, key_sums, ones);
    store_sums<R, GROUPS>(valueGradient + own, pitch, count, headDim, value_sums, ones);
}

extern "C" __global__ void __launch_bounds__(256) query_gradient_64(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* queryGradient, int n, int heads, int kvHeads, int headDim, int window, float scale) {
    query_gradient<4, 1>(queries, keys, values, gradient, logSums, deltas, queryGradient, n, heads, kvHeads, headDim, window,
                         scale);
}

extern "C" __global__ void __launch_bounds__(256) query_gradient_128(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* queryGradient, int n, int heads, int kvHeads, int headDim, int window, float scale) {
    query_gradient<4, 2>(queries, keys, values, gradient, logSums, deltas, queryGradient, n, heads, kvHeads, headDim, window,
                         scale);
}

extern "C" __global__ void __launch_bounds__(256) query_gradient_256(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* queryGradient, int n, int heads, int kvHeads, int headDim, int window, float scale) {
    query_gradient<2, 4>(queries, keys, values, gradient, logSums, deltas, queryGradient, n, heads, kvHeads, headDim, window,
                         scale);
}

extern "C" __global__ void __launch_bounds__(256) key_value_gradient_64(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* keyGradient, float* valueGradient, int n, int heads, int kvHeads, int headDim, int window,
    float scale) {
    key_value_gradient<4, 1>(queries, keys, values, gradient, logSums, deltas, keyGradient, valueGradient, n, heads, kvHeads,
                             headDim, window, scale);
}

extern "C" __global__ void __launch_bounds__(256) key_value_gradient_128(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* keyGradient, float* valueGradient, int n, int heads, int kvHeads, int headDim, int window,
    float scale) {
    key_value_gradient<4, 2>(queries, keys, values, gradient, logSums, deltas, keyGradient, valueGradient, n, heads, kvHeads,
                             headDim, window, scale);
}

extern "C" __global__ void __launch_bounds__(256) key_value_gradient_256(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* keyGradient, float* valueGradient, int n, int heads, int kvHeads, int headDim, int window,
    float scale) {
    key_value_gradient<2, 4>(queries, keys, values, gradient, logSums, deltas, keyGradient, valueGradient, n, heads, kvHeads,
                             headDim, window, scale);
}

extern "C" __global__ void __launch_bounds__(256, 1) query_gradient_128_short(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* queryGradient, int n, int heads, int kvHeads, int headDim, int window, float scale) {
    query_gradient<2, 2>(queries, keys, values, gradient, logSums, deltas, queryGradient, n, heads, kvHeads, headDim, window,
                         scale);
}

extern "C" __global__ void __launch_bounds__(256, 1) query_gradient_256_short(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* queryGradient, int n, int heads, int kvHeads, int headDim, int window, float scale) {
    query_gradient<1, 4>(queries, keys, values, gradient, logSums, deltas, queryGradient, n, heads, kvHeads, headDim, window,
                         scale);
}

extern "C" __global__ void __launch_bounds__(256, 1) key_value_gradient_128_short(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* keyGradient, float* valueGradient, int n, int heads, int kvHeads, int headDim, int window,
    float scale) {
    key_value_gradient<2, 2>(queries, keys, values, gradient, logSums, deltas, keyGradient, valueGradient, n, heads, kvHeads,
                             headDim, window, scale);
}

extern "C" __global__ void __launch_bounds__(256, 1) key_value_gradient_256_short(
    const float* queries, const float* keys, const float* values, const float* gradient, const float* logSums,
    const float* deltas, float* keyGradient, float* valueGradient, int n, int heads, int kvHeads, int headDim, int window,
    float scale) {
    key_value_gradient<1, 4>(queries, keys, values, gradient, logSums, deltas, keyGradient, valueGradient, n, heads, kvHeads,
                             headDim, window, scale);
}
