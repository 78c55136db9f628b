// dense_gemv.cu: y = x Wᵀ for few tokens, W in bf16: a dictionary, or a dense layer; up to three of one input in a launch
//
// Problem  y[t,i] = alpha (sum over j of x[t,j] W[i,j]) + beta y[t,i] for each product; y is not read where beta is 0.
// Layout   W (rows, cols) bf16, x (tokens, cols) f32, y (tokens, rows) f32, f32 accumulation; row-major, dense. A unit is 8
//          columns, 16 bytes of W. Products are as good as one with their weights one above the other, which need not lie so.
// Launch   block (32, warps): all of them share a row, each lane has UNITS units of every row and keeps their x in registers;
//          32 warps UNITS >= cols / 8. A kernel for each UNITS. grid (tokens, all products' blocks), blocks <= rows: each has
//          as many neighbouring rows of its product as another of it, or one more, and tokens that need the same rows run side
//          by side. Dynamic shared memory: 4 warps bytes for each row of a block. May begin early: W are weights.
// Order    A lane adds up its columns ascending, then a fixed tree over the warp's lanes, then the warps ascending: equal inputs
//          give equal bits, whatever the grid and the products beside.
// Bound    Memory: 2 bytes a weight. An NVIDIA H200 reads (2867, 14336) at 100 % of its copy bandwidth, (4169, 4096) at 84 %,
//          (2184, 4096) at 65 %: what is small ends before the memory is at its rate. Several in a launch: not yet measured.
// Limits   cols a multiple of 8, at most 32768; blocks <= 65535; W and x 16-byte aligned, as is every row of them. Callers check.
// Registers at most 64.
#include "primitives/early.cuh"
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"
#include "primitives/unroll.cuh"

constexpr int MOST_PRODUCTS = 3;

/** One product of a launch. */
struct DenseProduct {
    const uint4* weights;
    float* y;
    int rows;
    int blocks;
};

/** Those behind the last have no blocks. */
struct DenseProducts {
    DenseProduct of[MOST_PRODUCTS];
};

static __device__ __forceinline__ float add_product(float sum, unsigned int two, float low, float high) {
    sum += __uint_as_float(two << 16) * low;
    sum += __uint_as_float(two & 0xffff0000u) * high;
    return sum;
}

/** ROWS rows at a time are on their way before the first of them is worked on. */
template <int UNITS, int ROWS>
static __device__ __forceinline__ void multiply(
    const DenseProducts& products, const float4* x, int units, float alpha, float beta) {
    DYNAMIC_SHARED(float, partial);  // (rows of the block, warps)
    let_next_launch_begin();
    int block = blockIdx.y;
    DenseProduct product = products.of[0];
    UNROLL
    for (int p = 1; p < MOST_PRODUCTS; p++) {
        if (block >= product.blocks) {
            block -= product.blocks;
            product = products.of[p];
        }
    }
    int warps = blockDim.y;
    int thread = threadIdx.y * 32 + threadIdx.x;
    int threads = 32 * warps;
    long long first = block * (long long) product.rows / product.blocks;
    int count = (block + 1) * (long long) product.rows / product.blocks - first;
    const uint4* from = product.weights + first * units + thread;

    uint4 batch[ROWS][UNITS];
    auto load = [&](int row) {
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            UNROLL
            for (int u = 0; u < UNITS; u++) {
                if (row + r < count && thread + u * threads < units) {
                    batch[r][u] = __ldcs(from + (long long) (row + r) * units + u * threads);
                }
            }
        }
    };
    // weights are on their way while the launch before ends
    load(0);
    wait_for_launch_before();
    const float4* token = x + blockIdx.x * 2LL * units;
    float4 low[UNITS];
    float4 high[UNITS];
    UNROLL
    for (int u = 0; u < UNITS; u++) {
        int unit = thread + u * threads;
        low[u] = unit < units ? token[2 * unit] : make_float4(0, 0, 0, 0);
        high[u] = unit < units ? token[2 * unit + 1] : make_float4(0, 0, 0, 0);
    }
    for (int row = 0; row < count; row += ROWS) {
        float sums[ROWS];
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            sums[r] = 0;
            UNROLL
            for (int u = 0; u < UNITS; u++) {
                if (row + r < count && thread + u * threads < units) {
                    uint4 w = batch[r][u];
                    sums[r] = add_product(sums[r], w.x, low[u].x, low[u].y);
                    sums[r] = add_product(sums[r], w.y, low[u].z, low[u].w);
                    sums[r] = add_product(sums[r], w.z, high[u].x, high[u].y);
                    sums[r] = add_product(sums[r], w.w, high[u].z, high[u].w);
                }
            }
        }
        load(row + ROWS);
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            float sum = warp_reduce<Sum>(sums[r]);
            if (threadIdx.x == 0 && row + r < count) partial[(row + r) * warps + threadIdx.y] = sum;
        }
    }
    __syncthreads();
    float* to = product.y + blockIdx.x * (long long) product.rows + first;
    for (int row = thread; row < count; row += threads) {
        float sum = 0;
        for (int w = 0; w < warps; w++) sum += partial[row * warps + w];
        to[row] = beta == 0 ? alpha * sum : alpha * sum + beta * to[row];
    }
}

extern "C" __global__ void __launch_bounds__(1024) dense_gemv_1(
    DenseProducts products, const float4* x, int units, float alpha, float beta) {
    multiply<1, 4>(products, x, units, alpha, beta);
}

extern "C" __global__ void __launch_bounds__(1024) dense_gemv_2(
    DenseProducts products, const float4* x, int units, float alpha, float beta) {
    multiply<2, 2>(products, x, units, alpha, beta);
}

extern "C" __global__ void __launch_bounds__(1024) dense_gemv_4(
    DenseProducts products, const float4* x, int units, float alpha, float beta) {
    multiply<4, 1>(products, x, units, alpha, beta);
}
