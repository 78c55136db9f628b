// each.cuh: every element of an array once, with several loads of a thread on their way at a time
#pragma once

/** Values that a thread computes before it stores the first of them. */
constexpr int IN_FLIGHT = 4;

/** {@code out[i] <- value(i)} for i below the count. Any line of blocks; where value reads out at all, it reads out[i]. */
template <typename T, typename Value>
static __device__ __forceinline__ void each(T* out, long long count, Value value) {
    long long stride = gridDim.x * (long long) blockDim.x;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < count; i += IN_FLIGHT * stride) {
        T held[IN_FLIGHT] = {};
        for (int n = 0; n < IN_FLIGHT; n++) {
            if (i + n * stride < count) held[n] = value(i + n * stride);
        }
        for (int n = 0; n < IN_FLIGHT; n++) {
            if (i + n * stride < count) out[i + n * stride] = held[n];
        }
    }
}

/**
 * {@code out(i)[j] <- value(i, j)} for rows i and columns j. Block (32, any): a warp a row, 128 columns at a time, and no
 * division finds the row; any grid. Where value reads the target at all, it reads out(i)[j].
 */
template <typename T, typename Out, typename Value>
static __device__ __forceinline__ void each_of_rows(int rows, int cols, Out out, Value value) {
    constexpr int WIDTH = 32 * IN_FLIGHT;
    for (long long i = blockIdx.y * (long long) blockDim.y + threadIdx.y; i < rows; i += gridDim.y * (long long) blockDim.y) {
        T* to = out(i);
        for (long long j = blockIdx.x * (long long) WIDTH + threadIdx.x; j < cols; j += gridDim.x * (long long) WIDTH) {
            T held[IN_FLIGHT] = {};
            for (int n = 0; n < IN_FLIGHT; n++) {
                if (j + 32 * n < cols) held[n] = value(i, j + 32 * n);
            }
            for (int n = 0; n < IN_FLIGHT; n++) {
                if (j + 32 * n < cols) to[j + 32 * n] = held[n];
            }
        }
    }
}
