// reduce.cuh: reductions over a warp and over a block, by one fixed tree, so that equal inputs give equal bits
#pragma once

constexpr unsigned int ALL_LANES = 0xffffffffu;
constexpr int MOST_WARPS = 32;

struct Sum {
    template <typename T>
    static __device__ T of(T a, T b) { return a + b; }
};

struct Max {
    template <typename T>
    static __device__ T of(T a, T b) { return a < b ? b : a; }
};

struct Min {
    template <typename T>
    static __device__ T of(T a, T b) { return b < a ? b : a; }
};

static __device__ __forceinline__ float minus_infinity() { return __uint_as_float(0xff800000u); }

/** Every lane gets the result over the lane's group of {@code WIDTH} neighbours. */
template <typename Op, int WIDTH = 32, typename T>
static __device__ __forceinline__ T warp_reduce(T value) {
    for (int by = WIDTH / 2; by > 0; by /= 2) {
        value = Op::of(value, __shfl_xor_sync(ALL_LANES, value, by));
    }
    return value;
}

/**
 * Every thread gets the result. The block is one row of full warps; {@code partial} is shared memory for a value a warp, and
 * may be used again at once.
 */
template <typename Op, typename T>
static __device__ __forceinline__ T block_reduce(T value, T* partial) {
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int warps = blockDim.x / 32;
    value = warp_reduce<Op>(value);
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    value = partial[0];
    for (int i = 1; i < warps; i++) value = Op::of(value, partial[i]);
    __syncthreads();
    return value;
}
