// levels.cu: rounding to levels of 3 to 8 bits, with scales of least square error, each number taking in what others lost
//
// Problem  Level p of 0 .. 2^bits - 1 under a scale is (p + 1/2 - 2^(bits-1)) scale, rounded to bf16; 0 under the scale 0.
//          choose_scales: for group g of column c, the elements v[g length .. , c], of the 25 scales (1 - i/32) largest / 2^(bits-1),
//          i = 0 .. 24, in bf16, the one whose nearest levels lose the least sum of squares, the first of equals; 0 where
//          largest / 2^(bits-1) < 2^-60, NaN where a value is not below 2^126.
//          round_with_feedback: for j = b - 1 .. 0: level[j,:] = the nearest to w[j,:] + sum over i > j of v[i,:] f[i, from + j] under
//          scale[:], then v[j,:] -= level[j,:].
//          round_on_support, row by row on the codes where support is not 0: first scales, of groups of length codes that follow
//          each other; then sweeps: code += r / M[a,a], r the residual at its atom a, goes to its nearest level, if that is nearer than
//          where the code is, in the first sweep in any case, and r -= its change times M[a,:]. Until nothing changes, or 16 times.
// Source   GPTQ in the order of QuIP's theorem 6 (round_with_feedback), CDQuant (round_on_support); FeedbackRounding, RoundingVerbs.
// Layout   v (n, m) and w (b, m) f64, f (b, n) f64, level (b, m) and scales (groups, m) f32; M (k, k), support, r and codes (rows, k)
//          f32, scales of codes (rows, groups) f32. Row-major.
// Launch   choose_scales: block (32, 8), a warp a column, grid (ceil(m / 8), any): lane i tries scale i.
//          round_with_feedback: block (32, 8), grid ceil(m / 32): a lane a column.
//          round_on_support: a line of blocks of 256, a block a row; dynamic shared memory 4 s bytes: the row's atoms.
// Order    Sums in the order of elements, sweeps in the order of atoms: equal inputs give equal bits.
// Bound    choose_scales: a division in f64 for each element and scale. round_with_feedback: b steps, one after the other; the
//          products around it cost more. round_on_support: the latency of a step, s of them a sweep and row; M comes from the L2
//          cache. Not yet measured.
// Limits   b <= 64; s codes a row at most, those beyond stay; 4 s bytes and 1 KiB within shared memory (s <= 25088 where
//          a block has 99 KiB, the least); offsets are 64-bit.
// Registers at most 64.
#include "primitives/list.cuh"
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"
#include "primitives/top_bits.cuh"

constexpr int MOST_TRIED = 25;
constexpr int MOST_ROWS = 64;
constexpr int MOST_SWEEPS = 16;
constexpr double SMALLEST_SCALE = 0x1p-60;
constexpr double BEYOND = 0x1p126;

static __device__ __forceinline__ float nearest_level(double value, float scale, int bits) {
    if (value != value) return __uint_as_float(0x7fc00000u);
    int half = 1 << (bits - 1);
    double pattern = floor(value / scale) + half;  // under the scale 0 any pattern stands for 0
    pattern = pattern < 2 * half - 1 ? pattern : 2 * half - 1;
    pattern = pattern > 0 ? pattern : 0;
    return round_to_bf16(((float) pattern + 0.5f - half) * scale + 0.0f);  // + 0: no -0 under the scale 0
}

/** Every lane gets the scale for {@code count} values that all lanes of a warp ask for together. */
template <typename Value>
static __device__ float best_scale(int count, int bits, Value value) {
    int lane = threadIdx.x % 32;
    double largest = 0;
    bool finite = true;
    for (int i = lane; i < count; i += 32) {
        double magnitude = fabs((double) value(i));
        finite = finite && magnitude < BEYOND;
        largest = magnitude > largest ? magnitude : largest;
    }
    if (__ballot_sync(ALL_LANES, finite) != ALL_LANES) return __uint_as_float(0x7fc00000u);
    double covering = warp_reduce<Max>(largest) / (1 << (bits - 1));
    if (covering < SMALLEST_SCALE) return 0;
    float scale = round_to_bf16((float) (covering * (1 - lane * (1.0 / 32))));
    double lost = 0;
    for (int i = 0; i < count; i++) {
        double own = value(i);
        double error = own - nearest_level(own, scale, bits);
        lost += error * error;
    }
    int best = lane;
    if (lane >= MOST_TRIED) lost = BEYOND * BEYOND;
    for (int by = 16; by > 0; by /= 2) {
        double others = __shfl_xor_sync(ALL_LANES, lost, by);
        int other = __shfl_xor_sync(ALL_LANES, best, by);
        if (others < lost || (others == lost && other < best)) {
            lost = others;
            best = other;
        }
    }
    return __shfl_sync(ALL_LANES, scale, best);
}

extern "C" __global__ void __launch_bounds__(256) choose_scales(
    const double* values, float* scales, int n, int m, int length, int groups, int bits) {
    int column = blockIdx.x * blockDim.y + threadIdx.y;
    if (column >= m) return;
    for (int group = blockIdx.y; group < groups; group += gridDim.y) {
        int from = group * length;
        const double* own = values + (long long) from * m + column;
        float scale = best_scale(min(length, n - from), bits, [=](int i) { return own[(long long) i * m]; });
        if (threadIdx.x == 0) scales[(long long) group * m + column] = scale;
    }
}

extern "C" __global__ void __launch_bounds__(256) round_with_feedback(
    double* values, const double* wanted, const double* feedback, const float* scales, float* levels, int b, int m, int n,
    int from, int bits) {
    __shared__ double sums[MOST_ROWS][32];
    __shared__ double own[MOST_ROWS][32];
    int lane = threadIdx.x;
    int column = blockIdx.x * 32 + lane;
    bool inside = column < m;
    for (int j = threadIdx.y; j < b; j += blockDim.y) {
        sums[j][lane] = inside ? wanted[(long long) j * m + column] : 0;
        own[j][lane] = inside ? values[(long long) j * m + column] : 0;
    }
    float scale = inside ? scales[column] : 0;
    __syncthreads();
    for (int j = b - 1; j >= 0; j--) {
        if (threadIdx.y == 0) {
            float level = nearest_level(sums[j][lane], scale, bits);
            own[j][lane] -= level;
            if (inside) levels[(long long) j * m + column] = level;
        }
        __syncthreads();
        double error = own[j][lane];
        const double* fed = feedback + (long long) j * n + from;
        for (int i = threadIdx.y; i < j; i += blockDim.y) sums[i][lane] += error * fed[i];
        __syncthreads();
    }
    for (int j = threadIdx.y; j < b && inside; j += blockDim.y) values[(long long) j * m + column] = own[j][lane];
}

extern "C" __global__ void __launch_bounds__(256) round_on_support(
    const float* gram, const float* support, float* residuals, float* codes, float* scales, int rows, int k, int s, int length,
    int groups, int bits) {
    DYNAMIC_SHARED(int, atoms);
    __shared__ int counts[MOST_WARPS];
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        float* residual = residuals + (long long) row * k;
        float* code = codes + (long long) row * k;
        float* scale = scales + (long long) row * groups;
        const float* places = support + (long long) row * k;
        int count = list_numbers(k, s, atoms, counts, [=](int j) { return places[j] != 0; });
        for (int group = threadIdx.x / 32; group < groups; group += blockDim.x / 32) {
            int from = group * length;
            int size = max(0, min(length, count - from));
            float own = best_scale(size, bits, [=](int i) { return code[atoms[from + i]]; });
            if (threadIdx.x % 32 == 0) scale[group] = own;
        }
        __syncthreads();
        // every thread decides alike, from numbers that none writes before all have read them
        bool changed = true;
        for (int sweep = 0; sweep < MOST_SWEEPS && changed; sweep++) {
            changed = false;
            for (int p = 0; p < count; p++) {
                int atom = atoms[p];
                const float* products = gram + (long long) atom * k;
                float energy = products[atom];
                float value = code[atom];
                double wanted = energy > 0 ? value + (double) (residual[atom] / energy) : value;
                float level = nearest_level(wanted, scale[p / length], bits);
                bool moves = sweep == 0 ? level != value : fabs(wanted - level) < fabs(wanted - value);
                if (!moves) continue;
                changed = true;
                __syncthreads();
                float by = level - value;
                for (int j = threadIdx.x; j < k; j += blockDim.x) residual[j] -= by * products[j];
                if (threadIdx.x == 0) code[atom] = level;
                __syncthreads();
            }
        }
    }
}
