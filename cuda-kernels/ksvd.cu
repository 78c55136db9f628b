// ksvd.cu: K-SVD's update of one atom and of its codes, by power iterations on the rows of the residual that use it
//
// Problem  I: the rows that use the atom d; c: its codes there; E = Y - C D the residual; F = E[I] + c d^T what the other atoms
//          leave. An iteration: w <- F^T F u, u the last w scaled to unit norm, d at first; a w of 0 stays. At the end
//          d <- u, c <- F u, E[I] <- F - c u^T. F is never stored: F u = E[I] u + c (d.u) and F^T v = E[I]^T v + d (c.v).
// Source   Aharon, Elad, Bruckstein: K-SVD, 2006, its rank-1 fit by power iterations.
// Layout   residual E (d2, r), codes C (d2, k) f32, row-major; rows i32, start (k + 1) i64: I is rows[start[atom] .. start[atom + 1]),
//          as support.cu lists it; old, w, atom (r) f32, where old is d as it was. partials: for each block of power_pass a row of pitch = r rounded up to 4, plus 4 floats: what
//          it found of E[I]^T v, and of c.v in the fourth last. All but the codes on 16-byte boundaries.
// Launch   power_pass: a line of any number of blocks of threads that hold r columns, 8 each (power_pass_wide: 16 each), a
//          multiple of 32; dynamic shared memory 32 (64) bytes a thread. If `saved` is not null, d is also stored there.
//          power_fold: grid ceil(r / 32), block (32, 32). replace_atom(_wide): as power_pass, twice the shared memory, which is
//          64 KiB at r 8192 and 128 KiB at r 16384; replace_atom_wide_short, for devices whose blocks have less: once, d is read
//          again for each row instead.
//          An atom takes one power_pass and one power_fold for each iteration, then one replace_atom, on one stream. Blocks that
//          get no row of I add nothing; an atom without any stays as it is.
// Order    A row's product: a thread's columns ascending, then a fixed tree. A column's sum: rows ascending within a block, which
//          takes groups of 4 rows (wide: 1) in turn, then every 32nd block ascending, then the 32 sums: equal inputs and
//          launches give equal bits.
// Bound    Memory, by design: each iteration reads 4 |I| r bytes once, the end reads and writes them once;
//          beside it 8 r bytes a block and iteration, and two launches. Rows stay in registers between product and sum.
// Limits   1 <= r <= 8192 (power_pass_wide, replace_atom_wide(_short): 16384); start[k] < 2^31. Offsets are 64-bit. Callers check.
// Registers at most 64.
#include "primitives/reduce.cuh"
#include "primitives/tiles.cuh"

/** One atom's part of the problem. */
struct Users {
    float* residual;
    float* codes;
    const int* rows;
    int from;
    int count;
    int cols;
    int k;
    int atom;

    __device__ Users(
        float* residual, float* codes, const int* rows, const long long* start, int cols, int k, int atom)
        : residual(residual), codes(codes), rows(rows), from((int) start[atom]), count((int) start[atom + 1] - from),
          cols(cols), k(k), atom(atom) {}

    /** The n-th of I. */
    __device__ __forceinline__ long long row(int n) const { return rows[from + n]; }
};

/** What the threads of a block share. */
struct Shared {
    float4* unit;  // u, each thread's own columns
    float* dots;   // (2, warps, rows held)
    double* sums;
};

static __device__ __forceinline__ int column(int j) { return 4 * (threadIdx.x + j * blockDim.x); }

/** The thread's j-th quad of a row, 0 beyond its end. */
static __device__ __forceinline__ float4 own_quad(const float* row, int j, int cols) {
    int d = column(j);
    return d < cols ? quad(row, d, cols) : make_float4(0, 0, 0, 0);
}

static __device__ __forceinline__ void store_quad(float* row, int j, int cols, float4 q) {
    int d = column(j);
    if (d >= cols) return;
    if (cols % 4 == 0) {
        *reinterpret_cast<float4*>(row + d) = q;
        return;
    }
    row[d] = q.x;
    if (d + 1 < cols) row[d + 1] = q.y;
    if (d + 2 < cols) row[d + 2] = q.z;
    if (d + 3 < cols) row[d + 3] = q.w;
}

static __device__ __forceinline__ double wide_dot(float4 a, float4 b) {
    return (double) a.x * b.x + (double) a.y * b.y + (double) a.z * b.z + (double) a.w * b.w;
}

static __device__ __forceinline__ void add_multiple(float4& to, float factor, float4 x) {
    to.x += factor * x.x;
    to.y += factor * x.y;
    to.z += factor * x.z;
    to.w += factor * x.w;
}

/** unit <- w scaled to unit norm, or 0; returns d.u. */
template <int QUADS>
static __device__ __forceinline__ float scale_to_unit(const float* w, const float* old, int cols, const Shared& shared) {
    double squares = 0;
    double product = 0;
    for (int j = 0; j < QUADS; j++) {
        float4 q = own_quad(w, j, cols);
        squares += wide_dot(q, q);
        product += wide_dot(q, own_quad(old, j, cols));
        shared.unit[threadIdx.x + j * blockDim.x] = q;
    }
    squares = block_reduce<Sum>(squares, shared.sums);
    product = block_reduce<Sum>(product, shared.sums);
    double scale = squares > 0 ? 1 / sqrt(squares) : 0;
    for (int j = 0; j < QUADS; j++) {
        float4& q = shared.unit[threadIdx.x + j * blockDim.x];
        q = make_float4((float) (q.x * scale), (float) (q.y * scale), (float) (q.z * scale), (float) (q.w * scale));
    }
    return (float) (product * scale);
}

/** A group of rows of the residual in registers, with their codes and their products with F's row. */
template <int QUADS>
struct Group {
    static constexpr int ROWS = QUADS == 2 ? 4 : 1;
    float4 quads[ROWS][QUADS];
    float codes[ROWS];
    float products[ROWS];

    /** Rows first, first + 1, ... of the users, 0 beyond their end. The barrier within serves as one for the codes read. */
    __device__ __forceinline__ void load(const Users& users, int first, float along, const Shared& shared, int parity) {
        UNROLL
        for (int n = 0; n < ROWS; n++) {
            bool inside = first + n < users.count;
            long long row = inside ? users.row(first + n) : 0;
            codes[n] = inside ? users.codes[row * users.k + users.atom] : 0;
            UNROLL
            for (int j = 0; j < QUADS; j++) {
                quads[n][j] = inside ? own_quad(users.residual + row * users.cols, j, users.cols) : make_float4(0, 0, 0, 0);
            }
        }
        // two places in turn, so that one barrier is enough: who writes here again has passed the next group's
        float* dots = shared.dots + parity * MOST_WARPS * ROWS;
        UNROLL
        for (int n = 0; n < ROWS; n++) {
            float sum = 0;
            UNROLL
            for (int j = 0; j < QUADS; j++) {
                float4 u = shared.unit[threadIdx.x + j * blockDim.x];
                sum += quads[n][j].x * u.x + quads[n][j].y * u.y + quads[n][j].z * u.z + quads[n][j].w * u.w;
            }
            sum = warp_reduce<Sum>(sum);
            if (threadIdx.x % 32 == 0) dots[threadIdx.x / 32 * ROWS + n] = sum;
        }
        __syncthreads();
        UNROLL
        for (int n = 0; n < ROWS; n++) products[n] = codes[n] * along;
        for (int warp = 0; warp < blockDim.x / 32; warp++) {
            UNROLL
            for (int n = 0; n < ROWS; n++) products[n] += dots[warp * ROWS + n];
        }
    }
};

template <int QUADS>
static __device__ void pass(
    const Users& users, const float* old, const float* w, float* saved, float* partials, const Shared& shared) {
    float along = scale_to_unit<QUADS>(w, old, users.cols, shared);
    if (saved && blockIdx.x == 0) {
        for (int j = 0; j < QUADS; j++) store_quad(saved, j, users.cols, own_quad(old, j, users.cols));
    }
    float4 sums[QUADS] = {};
    float codes_along = 0;
    int parity = 0;
    constexpr int ROWS = Group<QUADS>::ROWS;
    for (int first = ROWS * blockIdx.x; first < users.count; first += ROWS * gridDim.x) {
        Group<QUADS> group;
        group.load(users, first, along, shared, parity);
        UNROLL
        for (int n = 0; n < ROWS; n++) {
            codes_along += group.codes[n] * group.products[n];
            UNROLL
            for (int j = 0; j < QUADS; j++) add_multiple(sums[j], group.products[n], group.quads[n][j]);
        }
        parity ^= 1;
    }
    int pitch = (users.cols + 3) / 4 * 4;
    float* own = partials + blockIdx.x * (pitch + 4LL);
    UNROLL
    for (int j = 0; j < QUADS; j++) {
        if (column(j) < pitch) *reinterpret_cast<float4*>(own + column(j)) = sums[j];
    }
    if (threadIdx.x == 0) own[pitch] = codes_along;
}

/** KEPT: whether shared memory has room for d as it was, behind u. */
template <int QUADS, bool KEPT>
static __device__ void replace(const Users& users, const float* old, const float* w, float* atom, const Shared& shared) {
    if (users.count == 0) return;
    float along = scale_to_unit<QUADS>(w, old, users.cols, shared);
    float4* former = shared.unit + QUADS * blockDim.x;
    for (int j = 0; j < QUADS; j++) {
        if (KEPT) former[threadIdx.x + j * blockDim.x] = own_quad(old, j, users.cols);
        if (blockIdx.x == 0) store_quad(atom, j, users.cols, shared.unit[threadIdx.x + j * blockDim.x]);
    }
    int parity = 0;
    constexpr int ROWS = Group<QUADS>::ROWS;
    for (int first = ROWS * blockIdx.x; first < users.count; first += ROWS * gridDim.x) {
        Group<QUADS> group;
        group.load(users, first, along, shared, parity);
        UNROLL
        for (int n = 0; n < ROWS; n++) {
            if (first + n >= users.count) break;
            long long row = users.row(first + n);
            UNROLL
            for (int j = 0; j < QUADS; j++) {
                int at = threadIdx.x + j * blockDim.x;
                add_multiple(group.quads[n][j], group.codes[n], KEPT ? former[at] : own_quad(old, j, users.cols));
                add_multiple(group.quads[n][j], -group.products[n], shared.unit[at]);
                store_quad(users.residual + row * users.cols, j, users.cols, group.quads[n][j]);
            }
            if (threadIdx.x == 0) users.codes[row * users.k + users.atom] = group.products[n];
        }
        parity ^= 1;
    }
}

extern "C" __global__ void __launch_bounds__(1024) power_pass(
    float* residual, float* codes, const int* rows, const long long* start, int cols, int k, int atom, const float* old,
    const float* w, float* saved, float* partials) {
    __shared__ double sums[MOST_WARPS];
    __shared__ float dots[2 * MOST_WARPS * Group<2>::ROWS];
    DYNAMIC_SHARED(float4, unit);
    pass<2>({residual, codes, rows, start, cols, k, atom}, old, w, saved, partials, {unit, dots, sums});
}

extern "C" __global__ void __launch_bounds__(1024) power_pass_wide(
    float* residual, float* codes, const int* rows, const long long* start, int cols, int k, int atom, const float* old,
    const float* w, float* saved, float* partials) {
    __shared__ double sums[MOST_WARPS];
    __shared__ float dots[2 * MOST_WARPS * Group<4>::ROWS];
    DYNAMIC_SHARED(float4, unit);
    pass<4>({residual, codes, rows, start, cols, k, atom}, old, w, saved, partials, {unit, dots, sums});
}

extern "C" __global__ void __launch_bounds__(1024) power_fold(
    const float* partials, int blocks, const float* old, float* w, int cols) {
    __shared__ float sums[32][33];
    __shared__ float alongs[32];
    int j = 32 * blockIdx.x + threadIdx.x;
    int pitch = (cols + 3) / 4 * 4;
    float sum = 0;
    float along = 0;
    UNROLL_BY_4
    for (int block = threadIdx.y; block < blocks; block += 32) {
        const float* row = partials + block * (pitch + 4LL);
        if (j < cols) sum += row[j];
        along += row[pitch];
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    if (threadIdx.x == 0) alongs[threadIdx.y] = along;
    __syncthreads();
    if (threadIdx.y == 0 && j < cols) {
        sum = 0;
        along = 0;
        for (int n = 0; n < 32; n++) {
            sum += sums[n][threadIdx.x];
            along += alongs[n];
        }
        w[j] = sum + along * old[j];
    }
}

extern "C" __global__ void __launch_bounds__(1024) replace_atom(
    float* residual, float* codes, const int* rows, const long long* start, int cols, int k, int atom, const float* old,
    const float* w, float* to) {
    __shared__ double sums[MOST_WARPS];
    __shared__ float dots[2 * MOST_WARPS * Group<2>::ROWS];
    DYNAMIC_SHARED(float4, unit);
    replace<2, true>({residual, codes, rows, start, cols, k, atom}, old, w, to, {unit, dots, sums});
}

extern "C" __global__ void __launch_bounds__(1024) replace_atom_wide(
    float* residual, float* codes, const int* rows, const long long* start, int cols, int k, int atom, const float* old,
    const float* w, float* to) {
    __shared__ double sums[MOST_WARPS];
    __shared__ float dots[2 * MOST_WARPS * Group<4>::ROWS];
    DYNAMIC_SHARED(float4, unit);
    replace<4, true>({residual, codes, rows, start, cols, k, atom}, old, w, to, {unit, dots, sums});
}

extern "C" __global__ void __launch_bounds__(1024) replace_atom_wide_short(
    float* residual, float* codes, const int* rows, const long long* start, int cols, int k, int atom, const float* old,
    const float* w, float* to) {
    __shared__ double sums[MOST_WARPS];
    __shared__ float dots[2 * MOST_WARPS * Group<4>::ROWS];
    DYNAMIC_SHARED(float4, unit);
    replace<4, false>({residual, codes, rows, start, cols, k, atom}, old, w, to, {unit, dots, sums});
}
