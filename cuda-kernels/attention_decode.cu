// attention_decode.cu: causal grouped-query attention of few queries over a cache, split over its positions
//
// Problem  As attention.cu. attention_decode: chunks of 64 key positions, each with its own softmax; attention_combine: their
//          weighted mean.
// Source   Dao, Haziza, Massa, Sizov: Flash-Decoding (2023).
// Layout   queries, out (n, heads, headDim), keys, values (positions, kvHeads, headDim) f32, row-major, dense; matrices start on
//          16-byte boundaries. Between the two kernels: sums (n, heads, chunks, headDim), highest and totals (n, heads, chunks)
//          f32: a chunk's sum of exp(score - highest) v, its highest score, its sum of exp(score - highest).
//          positionOffset: one int32, added to `first`, or null. So a captured graph moves on by one number.
// Launch   attention_decode: grid (chunks, n kvHeads ceil(group / 4)), block 128: up to 4 heads that share a key head, so that keys
//          and values are read once for them. `chunks` covers the cache's capacity: blocks whose chunk the query does not see end
//          at once. attention_combine: grid (n heads, ceil(headDim / 32)), block 256.
// Order    Chunks lie at fixed positions; partial sums in the order of warps and chunks; no atomics: equal inputs give equal bits,
//          whatever the capacity.
// Bound    Memory, by design (not yet measured): keys and values once, 8 kvHeads headDim bytes a position.
// Limits   headDim <= 256; n kvHeads ceil(group / 4) <= 65535; first + *positionOffset + n <= 64 chunks. Callers check.
// Registers at most 64.
#include "primitives/early.cuh"
#include "primitives/reduce.cuh"
#include "primitives/tiles.cuh"

constexpr int CHUNK = 64;
constexpr int HEADS = 4;
constexpr int MOST_HEAD_DIM = 256;
constexpr int DECODE_THREADS = 128;

static __device__ __forceinline__ int moved(int position, const int* offset) {
    return offset ? position + *offset : position;
}

extern "C" __global__ void __launch_bounds__(128) attention_decode(
    const float* queries, const float* keys, const float* values, float* sums, float* highest, float* totals,
    const int* positionOffset, int heads, int kvHeads, int headDim, int first, int window, float scale) {
    __shared__ float4 query[HEADS][MOST_HEAD_DIM / 4];
    __shared__ float weights[HEADS][CHUNK];
    __shared__ float4 partial[HEADS][DECODE_THREADS];
    let_next_launch_begin();
    wait_for_launch_before();
    int group = heads / kvHeads;
    int batches = (group + HEADS - 1) / HEADS;
    int batch = blockIdx.y % batches;
    int key_head = blockIdx.y / batches % kvHeads;
    int number = blockIdx.y / batches / kvHeads;
    int own_heads = min(HEADS, group - batch * HEADS);
    long long row = (long long) number * heads + key_head * group + batch * HEADS;
    int position = moved(first, positionOffset) + number;
    int chunk = blockIdx.x;
    int from = max(CHUNK * chunk, position - window + 1);
    int to = min(CHUNK * (chunk + 1), position + 1);
    if (from >= to) return;

    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int quads = (headDim + 3) / 4;
    long long pitch = (long long) kvHeads * headDim;
    const float* own_keys = keys + key_head * headDim;
    const float* own_values = values + key_head * headDim;
    // a warp a head
    for (int q = lane; q < quads; q += 32) {
        float4 part = warp < own_heads ? quad(queries + (row + warp) * headDim, 4 * q, headDim) : make_float4(0, 0, 0, 0);
        query[warp][q] = make_float4(scale * part.x, scale * part.y, scale * part.z, scale * part.w);
    }
    __syncthreads();

    // eight lanes a key
    for (int next = from + 4 * warp; next < to; next += DECODE_THREADS / 8) {
        int key = next + lane / 8;
        float scores[HEADS] = {};
        if (key < to) {
            const float* at = own_keys + key * pitch;
            UNROLL_BY_4
            for (int q = lane % 8; q < quads; q += 8) {
                float4 k = quad(at, 4 * q, headDim);
                UNROLL
                for (int h = 0; h < HEADS; h++) {
                    float4 part = query[h][q];
                    scores[h] += part.x * k.x + part.y * k.y + part.z * k.z + part.w * k.w;
                }
            }
        }
        UNROLL
        for (int h = 0; h < HEADS; h++) {
            float score = warp_reduce<Sum, 8>(scores[h]);
            if (lane % 8 == 0 && key < to) weights[h][key - from] = score;
        }
    }
    __syncthreads();

    // a warp a head
    float most = minus_infinity();
    for (int j = lane; j < to - from; j += 32) most = Max::of(most, weights[warp][j]);
    most = warp_reduce<Max>(most);
    float total = 0;
    for (int j = lane; j < to - from; j += 32) {
        float weight = expf(weights[warp][j] - most);
        weights[warp][j] = weight;
        total += weight;
    }
    total = warp_reduce<Sum>(total);
    if (lane == 0 && warp < own_heads) {
        highest[(row + warp) * gridDim.x + chunk] = most;
        totals[(row + warp) * gridDim.x + chunk] = total;
    }
    __syncthreads();

    // a thread a quad of columns; as many keys side by side as there are threads
    int width = quads <= 16 ? 16 : quads <= 32 ? 32 : 64;
    int column = threadIdx.x % width;
    int beside = DECODE_THREADS / width;
    float4 own[HEADS];
    UNROLL
    for (int h = 0; h < HEADS; h++) own[h] = make_float4(0, 0, 0, 0);
    if (column < quads) {
        UNROLL_BY_4
        for (int j = threadIdx.x / width; j < to - from; j += beside) {
            float4 v = quad(own_values + (from + j) * pitch, 4 * column, headDim);
            UNROLL
            for (int h = 0; h < HEADS; h++) {
                float weight = weights[h][j];
                own[h].x += weight * v.x;
                own[h].y += weight * v.y;
                own[h].z += weight * v.z;
                own[h].w += weight * v.w;
            }
        }
    }
    UNROLL
    for (int h = 0; h < HEADS; h++) partial[h][threadIdx.x] = own[h];
    __syncthreads();
    for (int h = 0; h < own_heads; h++) {
        const float* parts = reinterpret_cast<const float*>(partial[h]);
        for (int d = threadIdx.x; d < headDim; d += DECODE_THREADS) {
            float sum = 0;
            for (int s = 0; s < beside; s++) sum += parts[4 * width * s + d];
            sums[((row + h) * gridDim.x + chunk) * headDim + d] = sum;
        }
    }
}

extern "C" __global__ void __launch_bounds__(256) attention_combine(
    const float* sums, const float* highest, const float* totals, float* out, const int* positionOffset, int heads,
    int headDim, int first, int window, int chunks) {
    __shared__ float partial[MOST_WARPS];
    __shared__ float columns[8][32];
    let_next_launch_begin();
    wait_for_launch_before();
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int position = moved(first, positionOffset) + blockIdx.x / heads;
    int from = max(0, position - window + 1) / CHUNK;
    int to = position / CHUNK + 1;
    long long at = (long long) blockIdx.x * chunks;
    float most = minus_infinity();
    for (int c = from + threadIdx.x; c < to; c += blockDim.x) most = Max::of(most, highest[at + c]);
    most = block_reduce<Max>(most, partial);
    float total = 0;
    for (int c = from + threadIdx.x; c < to; c += blockDim.x) total += expf(highest[at + c] - most) * totals[at + c];
    total = block_reduce<Sum>(total, partial);

    int d = 32 * blockIdx.y + lane;
    float sum = 0;
    if (d < headDim) {
        for (int c = from + warp; c < to; c += 8) sum += expf(highest[at + c] - most) * sums[(at + c) * headDim + d];
    }
    columns[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && d < headDim) {
        for (int w = 1; w < 8; w++) sum += columns[w][lane];
        out[(long long) blockIdx.x * headDim + d] = sum / total;
    }
}
