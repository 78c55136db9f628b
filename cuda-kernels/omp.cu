// omp.cu: orthogonal matching pursuit in Gram space, every row of codes by itself
//
// Problem  s times: take the atom of largest |correlation| with the residual, the lowest on ties; refit all chosen coefficients by
//          least squares. A row stops where the largest is not above 5e-7 of the first; an atom whose part outside the span of the
//          chosen ones has at most 1e-6 of its energy depends on them and is passed over.
// Source   Batch-OMP (Rubinstein, Zibulevsky, Elad, CS-2008-08) by inverse Cholesky: row j of P holds the correlations of all atoms
//          with the j-th direction of the chosen atoms' orthonormal basis. With i the atom chosen at step j and w_l = P[l,i]:
//              L[j,j]^2 = M[i,i] - sum of w_l^2,  L[j,l] = w_l,  P[j,:] = (M[i,:] - sum of w_l P[l,:]) / L[j,j],
//              a -= (a[i] / L[j,j]) P[j,:]        a: the correlations with the residual, B[row,:] at first
//          The coefficients come at the end from L in f64, refined once with a residual taken from M. Chosen atoms change places
//          with the last columns of P and a, so that all sums run over the others.
// Layout   gram M (k, k), correlations B and codes (rows, k) f32, row-major; codes overwritten, the others read only. scratch: for
//          each block P (s, pitch), pitch = k rounded up to 4, then L by rows without its upper triangle, s (s + 1) / 2 floats
//          rounded up to 4.
// Launch   Any number of blocks, each of which takes rows in turn; threads a multiple of 32, 256 at most. Dynamic shared memory:
//          8 pitch + 8 s bytes, for a, the atoms' columns, w, and the chosen atoms.
// Order    A column's sum runs over l ascending in one thread; the others by fixed trees: equal inputs give equal bits, whatever
//          the grid.
// Bound    Memory: 2 k s^2 - 4 s^3 / 3 bytes of P a row, 16 bytes a load and eight loads of a thread on their
//          way; P never fits into a cache at the sizes of language models. On an NVIDIA H200 a round of K-SVD with 8192 rows,
//          k 2184 and s 1092 takes 8.5 s, in which this is 28.5 TB: near its memory's rate, whatever the atoms' update took.
// Limits   1 <= s <= k, 8 pitch + 8 s bytes and 1 KiB within shared memory (pitch + s <= 20736 where a block has 163 KiB,
//          12544 where it has 99); scratch 16-byte aligned. Callers check.
// Registers at most 64.
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"

constexpr float DEPENDENT = 1e-6f;
constexpr float VANISHED = 5e-7f;
constexpr int UNROLLED = 8;

/** What the threads of a block work on together; all but the Gram matrix, P and L lie in shared memory. */
struct Pursuit {
    const float* gram;
    int k;
    int pitch;
    float* basis;          // P
    float* factor;         // L
    float* alpha;          // correlations with the residual, by column
    int* atoms;            // which atom a column is
    float* weights;        // w, and in the end the coefficients
    int* chosen;
    int* place;
    unsigned long long* keys;
    double* sums;
};

static __device__ float* factor_row(const Pursuit& p, int i) { return p.factor + i * (i + 1LL) / 2; }

/** Where among the first {@code width} columns the largest correlation stands, the lowest atom on ties. */
static __device__ int largest(const Pursuit& p, int width) {
    // the magnitude, then the atom's complement: the larger key is the better column, and no column has the key 0
    unsigned long long best = 0;
    int at = 0;
    for (int j = threadIdx.x; j < width; j += blockDim.x) {
        unsigned int size = __float_as_uint(p.alpha[j]) & 0x7fffffffu;
        unsigned long long key = (unsigned long long) size << 32 | (0xffffffffu - p.atoms[j]);
        if (key > best) {
            best = key;
            at = j;
        }
    }
    if (block_reduce<Max>(best, p.keys) == best) *p.place = at;
    __syncthreads();
    return *p.place;
}

/** Swaps column {@code at} with column {@code last}, which leaves; its column of P becomes w. The sum of w^2. */
static __device__ double take_out(const Pursuit& p, int at, int last, int steps) {
    if (threadIdx.x == 0) {
        int atom = p.atoms[at];
        p.atoms[at] = p.atoms[last];
        p.atoms[last] = atom;
        p.alpha[at] = p.alpha[last];
    }
    double squares = 0;
    for (int l = threadIdx.x; l < steps; l += blockDim.x) {
        float* row = p.basis + (long long) l * p.pitch;
        float w = row[at];
        row[at] = row[last];
        p.weights[l] = w;
        squares += (double) w * w;
    }
    return block_reduce<Sum>(squares, p.sums);
}

static __device__ __forceinline__ void subtract(float4& from, float factor, float4 x) {
    from.x -= factor * x.x;
    from.y -= factor * x.y;
    from.z -= factor * x.z;
    from.w -= factor * x.w;
}

/**
 * Row {@code steps} of P, and the correlations less what the new direction explains. Whole groups of four columns: what is
 * written beyond the width is never read.
 */
static __device__ void advance(const Pursuit& p, int atom, float correlation, float length, int width, int steps) {
    const float* gram_row = p.gram + (long long) atom * p.k;
    float inverse = 1 / length;
    float step = correlation * inverse;
    for (int j = 4 * threadIdx.x; j < width; j += 4 * blockDim.x) {
        const int* atoms = p.atoms + j;
        float4 direction = {gram_row[atoms[0]], gram_row[atoms[1]], gram_row[atoms[2]], gram_row[atoms[3]]};
        const float* column = p.basis + j;
        int l = 0;
        for (; l + UNROLLED <= steps; l += UNROLLED) {
            float4 rows[UNROLLED];
            for (int u = 0; u < UNROLLED; u++) {
                rows[u] = *reinterpret_cast<const float4*>(column + (long long) (l + u) * p.pitch);
            }
            for (int u = 0; u < UNROLLED; u++) subtract(direction, p.weights[l + u], rows[u]);
        }
        for (; l < steps; l++) {
            subtract(direction, p.weights[l], *reinterpret_cast<const float4*>(column + (long long) l * p.pitch));
        }
        direction = {direction.x * inverse, direction.y * inverse, direction.z * inverse, direction.w * inverse};
        *reinterpret_cast<float4*>(p.basis + (long long) steps * p.pitch + j) = direction;
        subtract(*reinterpret_cast<float4*>(p.alpha + j), step, direction);
    }
}

/** Chooses atoms; how many. */
static __device__ int choose(const Pursuit& p, int s) {
    int steps = 0;
    float first = 0;
    for (int width = p.k; steps < s && width > 0;) {
        int at = largest(p, width);
        float correlation = p.alpha[at];
        int atom = p.atoms[at];
        first = width == p.k ? fabs(correlation) : first;
        // every thread has read the column before it changes its place
        __syncthreads();
        if (!(fabs(correlation) > VANISHED * first)) break;
        width--;
        double energy = p.gram[(long long) atom * p.k + atom];
        double rest = energy - take_out(p, at, width, steps);
        if (!(rest > DEPENDENT * energy)) continue;
        float length = (float) sqrt(rest);
        float* row = factor_row(p, steps);
        for (int l = threadIdx.x; l < steps; l += blockDim.x) row[l] = p.weights[l];
        if (threadIdx.x == 0) {
            row[steps] = length;
            p.chosen[steps] = atom;
        }
        advance(p, atom, correlation, length, width, steps);
        steps++;
        __syncthreads();
    }
    return steps;
}

/** x <- L^-1 x, by blocks of 32: one warp solves, then all threads subtract what it found from the rest. */
static __device__ void solve_lower(const Pursuit& p, double* x, int n) {
    for (int from = 0; from < n; from += 32) {
        int width = min(32, n - from);
        if (threadIdx.x < 32) {
            int lane = threadIdx.x;
            const float* row = factor_row(p, from + min(lane, width - 1)) + from;
            double own = lane < width ? x[from + lane] : 0;
            for (int c = 0; c < width; c++) {
                if (lane == c) own /= row[c];
                double found = __shfl_sync(ALL_LANES, own, c);
                if (lane > c && lane < width) own -= row[c] * found;
            }
            if (lane < width) x[from + lane] = own;
        }
        __syncthreads();
        for (int i = from + width + threadIdx.x; i < n; i += blockDim.x) {
            const float* row = factor_row(p, i) + from;
            double own = x[i];
            for (int c = 0; c < width; c++) own -= row[c] * x[from + c];
            x[i] = own;
        }
        __syncthreads();
    }
}

/** x <- L^-T x, likewise from the end. */
static __device__ void solve_lower_transposed(const Pursuit& p, double* x, int n) {
    for (int from = (n - 1) / 32 * 32; from >= 0; from -= 32) {
        int width = min(32, n - from);
        if (threadIdx.x < 32) {
            int lane = threadIdx.x;
            double own = lane < width ? x[from + lane] : 0;
            for (int c = width - 1; c >= 0; c--) {
                const float* row = factor_row(p, from + c) + from;
                if (lane == c) own /= row[c];
                double found = __shfl_sync(ALL_LANES, own, c);
                if (lane < c) own -= row[lane] * found;
            }
            if (lane < width) x[from + lane] = own;
        }
        __syncthreads();
        for (int i = threadIdx.x; i < from; i += blockDim.x) {
            double own = x[i];
            for (int c = 0; c < width; c++) own -= factor_row(p, from + c)[i] * x[from + c];
            x[i] = own;
        }
        __syncthreads();
    }
}

/** {@code x[l] <- b[chosen[l]] - sum over m of M[chosen[l], chosen[m]] weights[m]}, a warp an l. */
static __device__ void take_residual(const Pursuit& p, const float* b, double* x, int n) {
    int lane = threadIdx.x % 32;
    for (int l = threadIdx.x / 32; l < n; l += blockDim.x / 32) {
        const float* gram_row = p.gram + (long long) p.chosen[l] * p.k;
        double sum = 0;
        for (int m = lane; m < n; m += 32) sum += (double) gram_row[p.chosen[m]] * p.weights[m];
        sum = warp_reduce<Sum>(sum);
        if (lane == 0) x[l] = b[p.chosen[l]] - sum;
    }
    __syncthreads();
}

/** Coefficients of the chosen atoms by least squares, refined once; x takes the place of what the steps needed. */
static __device__ void refit(const Pursuit& p, const float* b, double* x, int n) {
    for (int l = threadIdx.x; l < n; l += blockDim.x) p.weights[l] = 0;
    __syncthreads();
    for (int round = 0; round < 2; round++) {
        take_residual(p, b, x, n);
        solve_lower(p, x, n);
        solve_lower_transposed(p, x, n);
        for (int l = threadIdx.x; l < n; l += blockDim.x) p.weights[l] += (float) x[l];
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(256) orthogonal_matching_pursuit(
    const float* gram, const float* correlations, float* codes, float* scratch, int rows, int k, int s) {
    __shared__ unsigned long long keys[MOST_WARPS];
    __shared__ double sums[MOST_WARPS];
    __shared__ int place;
    DYNAMIC_SHARED(float, alpha);
    int pitch = (k + 3) / 4 * 4;
    long long factor_size = (s * (s + 1LL) / 2 + 3) / 4 * 4;
    float* basis = scratch + blockIdx.x * ((long long) s * pitch + factor_size);
    int* atoms = reinterpret_cast<int*>(alpha + pitch);
    float* weights = alpha + 2 * pitch;
    int* chosen = reinterpret_cast<int*>(weights + s);
    Pursuit p = {gram, k, pitch, basis, basis + (long long) s * pitch, alpha, atoms, weights, chosen, &place, keys, sums};

    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* b = correlations + row * k;
        float* out = codes + row * k;
        for (int j = threadIdx.x; j < pitch; j += blockDim.x) {
            alpha[j] = j < k ? b[j] : 0;
            atoms[j] = j < k ? j : 0;
            if (j < k) out[j] = 0;
        }
        __syncthreads();
        int steps = choose(p, s);
        refit(p, b, reinterpret_cast<double*>(alpha), steps);
        for (int l = threadIdx.x; l < steps; l += blockDim.x) out[chosen[l]] = weights[l];
        __syncthreads();
    }
}
