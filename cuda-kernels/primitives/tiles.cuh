// tiles.cuh: products of square tiles in shared memory, by a block of 256 threads as 16 rows (ty) of 16 lanes (tx)
#pragma once

#include "shared.cuh"
#include "unroll.cuh"

/** Elements d .. d + 3 of a row, 0 from {@code cols} on; rows lie on 16-byte boundaries where cols is a multiple of 4. */
static __device__ __forceinline__ float4 quad(const float* row, int d, int cols) {
    if (cols % 4 == 0) return *reinterpret_cast<const float4*>(row + d);
    return make_float4(row[d], d + 1 < cols ? row[d + 1] : 0, d + 2 < cols ? row[d + 2] : 0, d + 3 < cols ? row[d + 3] : 0);
}

/** Floats from row to row of a tile: an odd number of quads, so that lanes reading a quad each of rows in turn share no bank. */
static __device__ __forceinline__ int tile_stride(int cols) { return 4 * ((cols + 3) / 4 | 1); }

/** Floats from row to row of the weights of a tile of 16 R rows, which are as many columns wide. */
template <int R>
constexpr int WEIGHT_STRIDE = 16 * R + 4;

/** tile (16 R, stride) <- factor times the first {@code rows} rows of a matrix, 0 below and in the last quad's tail. */
template <int R>
static __device__ __forceinline__ void load_tile(
    float* tile, const float* from, long long pitch, int rows, int cols, float factor) {
    int stride = tile_stride(cols);
    for (int r = threadIdx.x / 16; r < 16 * R; r += 16) {
        for (int d = 4 * (threadIdx.x % 16); d < cols; d += 64) {
            float4 q = r < rows ? quad(from + r * pitch, d, cols) : make_float4(0, 0, 0, 0);
            *reinterpret_cast<float4*>(tile + r * stride + d) =
                make_float4(factor * q.x, factor * q.y, factor * q.z, factor * q.w);
        }
    }
}

/** products[r][c] = a[R ty + r, :] . b[tx + 16 c, :] */
template <int R>
static __device__ __forceinline__ void multiply_transposed(
    const float* a, const float* b, int cols, float (&products)[R][R]) {
    int stride = tile_stride(cols);
    const float* rows = a + R * (threadIdx.x / 16) * stride;
    const float* others = b + threadIdx.x % 16 * stride;
    UNROLL
    for (int r = 0; r < R; r++) {
        UNROLL
        for (int c = 0; c < R; c++) products[r][c] = 0;
    }
    for (int d = 0; d < cols; d += 4) {
        float4 left[R];
        float4 right[R];
        UNROLL
        for (int r = 0; r < R; r++) left[r] = *reinterpret_cast<const float4*>(rows + r * stride + d);
        UNROLL
        for (int c = 0; c < R; c++) right[c] = *reinterpret_cast<const float4*>(others + 16 * c * stride + d);
        UNROLL
        for (int r = 0; r < R; r++) {
            UNROLL
            for (int c = 0; c < R; c++) {
                products[r][c] += left[r].x * right[c].x;
                products[r][c] += left[r].y * right[c].y;
                products[r][c] += left[r].z * right[c].z;
                products[r][c] += left[r].w * right[c].w;
            }
        }
    }
}

/** Writes weights[R ty + r, tx + 16 c]; only the same half of a warp reads them in {@code multiply_add}. */
template <int R>
static __device__ __forceinline__ void store_weights(float* weights, const float (&products)[R][R]) {
    UNROLL
    for (int r = 0; r < R; r++) {
        UNROLL
        for (int c = 0; c < R; c++) {
            weights[(R * (threadIdx.x / 16) + r) * WEIGHT_STRIDE<R> + threadIdx.x % 16 + 16 * c] = products[r][c];
        }
    }
}

/** sums[r][4 g + i] += sum over j of weights[R ty + r, j] tile[j, 64 g + 4 tx + i], in the columns that the tile has. */
template <int R, int GROUPS>
static __device__ __forceinline__ void multiply_add(
    const float* weights, const float* tile, int cols, float (&sums)[R][4 * GROUPS]) {
    int stride = tile_stride(cols);
    const float* rows = weights + R * (threadIdx.x / 16) * WEIGHT_STRIDE<R>;
    int lane = 4 * (threadIdx.x % 16);
    for (int j = 0; j < 16 * R; j += 4) {
        float factors[R][4];
        UNROLL
        for (int r = 0; r < R; r++) {
            float4 f = *reinterpret_cast<const float4*>(rows + r * WEIGHT_STRIDE<R> + j);
            factors[r][0] = f.x;
            factors[r][1] = f.y;
            factors[r][2] = f.z;
            factors[r][3] = f.w;
        }
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
            int column = 64 * g + lane;
            if (column < cols) {
                UNROLL
                for (int i = 0; i < 4; i++) {
                    float4 q = *reinterpret_cast<const float4*>(tile + (j + i) * stride + column);
                    UNROLL
                    for (int r = 0; r < R; r++) {
                        sums[r][4 * g] += factors[r][i] * q.x;
                        sums[r][4 * g + 1] += factors[r][i] * q.y;
                        sums[r][4 * g + 2] += factors[r][i] * q.z;
                        sums[r][4 * g + 3] += factors[r][i] * q.w;
                    }
                }
            }
        }
    }
}

/** Row R ty + r of a matrix <- factors[r] sums[r], for the first {@code rows} rows. */
template <int R, int GROUPS>
static __device__ __forceinline__ void store_sums(
    float* to, long long pitch, int rows, int cols, const float (&sums)[R][4 * GROUPS], const float (&factors)[R]) {
    UNROLL
    for (int r = 0; r < R; r++) {
        int row = R * (threadIdx.x / 16) + r;
        if (row < rows) {
            UNROLL
            for (int i = 0; i < 4 * GROUPS; i++) {
                int column = 64 * (i / 4) + 4 * (threadIdx.x % 16) + i % 4;
                if (column < cols) to[row * pitch + column] = factors[r] * sums[r][i];
            }
        }
    }
}
