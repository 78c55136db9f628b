// attention.cu: causal grouped-query attention of many queries, tiled, with an online softmax
//
// Problem  out[i,h] = softmax over j of (q[i,h] . k[j,g] / sqrt(headDim)) v[j,g] for the key positions j <= p = first + i with
//          p - j < window; g = h / (heads / kvHeads). On demand the logarithm of the softmax's denominator as well.
// Source   Dao et al., FlashAttention, arXiv 2205.14135; Milakov and Gimelshein, online softmax, arXiv 1805.02867.
// Layout   queries, out (n, heads, headDim), keys, values (positions, kvHeads, headDim), logSums (n, heads) or null, all f32,
//          row-major, dense; matrices start on 16-byte boundaries. Rows of keys and values from first + n on are not read.
// Launch   grid (tiles of queries, heads), block 256. A tile is 64 rows, in the _short entry, for devices whose blocks have less
//          than 163 KiB of shared memory, 32. Dynamic shared memory: two tiles of stride 4 (ceil(headDim / 4) | 1) and the
//          weights, rows x (rows + 4), f32: 84,992 bytes at headDim 128, 150,528 at 256, 71,168 in attention_256_short. The
//          entry's name says up to which headDim it serves.
// Order    Keys tile after tile, ascending, from the first that a query of the tile sees; no atomics: equal inputs give equal bits
//          in tiles of as many rows.
// Bound    f32 arithmetic, by design (not yet measured): a thread reads 8 times 16 bytes of shared memory for 64 multiply-adds.
//          The last tiles see the most keys and start first.
// Limits   headDim <= 256; heads <= 65535. Callers check, and choose the entry that fits into shared memory.
// Registers at most 128.
#include "primitives/reduce.cuh"
#include "primitives/tiles.cuh"

template <int R, int GROUPS>
static __device__ __forceinline__ void prefill(
    const float* queries, const float* keys, const float* values, float* out, float* logSums, int n, int heads, int kvHeads,
    int headDim, int first, int window, float scale) {
    constexpr int TILE = 16 * R;
    DYNAMIC_SHARED(float, query);
    float* tile = query + TILE * tile_stride(headDim);
    float* weights = tile + TILE * tile_stride(headDim);
    int head = blockIdx.y;
    int start = (gridDim.x - 1 - blockIdx.x) * TILE;
    int count = min(TILE, n - start);
    int position = first + start;
    int end = position + count;
    long long pitch = (long long) kvHeads * headDim;
    long long own = ((long long) start * heads + head) * headDim;
    long long shared_head = (long long) (head / (heads / kvHeads)) * headDim;
    load_tile<R>(query, queries + own, (long long) heads * headDim, count, headDim, scale);

    float highest[R];
    float total[R];
    float sums[R][4 * GROUPS];
    UNROLL
    for (int r = 0; r < R; r++) {
        highest[r] = minus_infinity();
        total[r] = 0;
        UNROLL
        for (int i = 0; i < 4 * GROUPS; i++) sums[r][i] = 0;
    }
    for (int key = max(0, position - window + 1); key < end; key += TILE) {
        __syncthreads();
        load_tile<R>(tile, keys + key * pitch + shared_head, pitch, end - key, headDim, 1);
        __syncthreads();
        float scores[R][R];
        multiply_transposed<R>(query, tile, headDim, scores);
        UNROLL
        for (int r = 0; r < R; r++) {
            int at = position + R * (threadIdx.x / 16) + r;
            float most = highest[r];
            UNROLL
            for (int c = 0; c < R; c++) {
                int j = key + threadIdx.x % 16 + 16 * c;
                if (j > at || at - j >= window) scores[r][c] = minus_infinity();
                most = Max::of(most, scores[r][c]);
            }
            most = warp_reduce<Max, 16>(most);
            // finite: the first tile begins with the first query's first key, so that every row sees some key of it
            float decay = expf(highest[r] - most);
            highest[r] = most;
            total[r] *= decay;
            UNROLL
            for (int c = 0; c < R; c++) {
                scores[r][c] = expf(scores[r][c] - most);
                total[r] += scores[r][c];
            }
            UNROLL
            for (int i = 0; i < 4 * GROUPS; i++) sums[r][i] *= decay;
        }
        store_weights<R>(weights, scores);
        __syncthreads();
        load_tile<R>(tile, values + key * pitch + shared_head, pitch, end - key, headDim, 1);
        __syncthreads();
        multiply_add<R, GROUPS>(weights, tile, headDim, sums);
    }

    float shares[R];
    UNROLL
    for (int r = 0; r < R; r++) {
        int row = R * (threadIdx.x / 16) + r;
        float all = warp_reduce<Sum, 16>(total[r]);
        shares[r] = 1 / all;
        if (logSums && threadIdx.x % 16 == 0 && row < count) {
            logSums[(long long) (start + row) * heads + head] = highest[r] + logf(all);
        }
    }
    store_sums<R, GROUPS>(out + own, (long long) heads * headDim, count, headDim, sums, shares);
}

extern "C" __global__ void __launch_bounds__(256) attention_64(
    const float* queries, const float* keys, const float* values, float* out, float* logSums, int n, int heads, int kvHeads,
    int headDim, int first, int window, float scale) {
    prefill<4, 1>(queries, keys, values, out, logSums, n, heads, kvHeads, headDim, first, window, scale);
}

extern "C" __global__ void __launch_bounds__(256) attention_128(
    const float* queries, const float* keys, const float* values, float* out, float* logSums, int n, int heads, int kvHeads,
    int headDim, int first, int window, float scale) {
    prefill<4, 2>(queries, keys, values, out, logSums, n, heads, kvHeads, headDim, first, window, scale);
}

extern "C" __global__ void __launch_bounds__(256) attention_256(
    const float* queries, const float* keys, const float* values, float* out, float* logSums, int n, int heads, int kvHeads,
    int headDim, int first, int window, float scale) {
    prefill<4, 4>(queries, keys, values, out, logSums, n, heads, kvHeads, headDim, first, window, scale);
}

extern "C" __global__ void __launch_bounds__(256, 2) attention_256_short(
    const float* queries, const float* keys, const float* values, float* out, float* logSums, int n, int heads, int kvHeads,
    int headDim, int first, int window, float scale) {
    prefill<2, 4>(queries, keys, values, out, logSums, n, heads, kvHeads, headDim, first, window, scale);
}
