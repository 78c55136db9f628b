// dead_atoms.cu: atoms that no code uses take the rows that are coded worst, without a word to the host
//
// Problem  list_unused: found[0] = m, the number of atoms i with !(usage[i] > 0), and behind it these atoms, ascending;
//          replaced += min(m, d2). worst_rows: rows[p], for p < min(m, d2), is row p in the order of errors: the largest first,
//          equal ones by row, NaN last. replace_atoms: for those p, with atom i = found[1 + p] and row j = rows[p],
//          D[i,:] = P[i,:] = Y[j,:], C[j,:] = 0 but C[j,i] = 1.
// Layout   usage (k), Y (d2, r), C (d2, k), D and P (k, r), f32, row-major, P may be D; errors (d2) and replaced, one, f64;
//          found (1 + k) and rows (k), int32.
// Launch   list_unused: one block of 256. worst_rows: a line of ceil(d2 / 256) blocks of 256. replace_atoms: min(k, d2) blocks of 256.
// Order    Places are counted, not raced for: equal inputs give equal bits.
// Bound    Launches, where no atom is unused, the usual case: all blocks but one end at once. Else d2^2 comparisons in worst_rows,
//          from shared memory. Not yet measured.
// Limits   k, d2 >= 1; offsets are 64-bit.
// Registers at most 40.
#include "primitives/list.cuh"

constexpr int TILE = 256;

extern "C" __global__ void __launch_bounds__(256) list_unused(
    const float* usage, int* found, double* replaced, int k, int d2) {
    __shared__ int counts[MOST_WARPS];
    int count = list_numbers(k, k, found + 1, counts, [=](int atom) { return !(usage[atom] > 0); });
    if (threadIdx.x != 0) return;
    found[0] = count;
    *replaced += count < d2 ? count : d2;
}

/** Whether row i, whose error is a, comes before row j with b. */
static __device__ bool comes_before(double a, int i, double b, int j) {
    if (a != a) return b != b && i < j;
    return b != b || a > b || (a == b && i < j);
}

extern "C" __global__ void __launch_bounds__(256) worst_rows(const double* errors, const int* found, int* rows, int d2) {
    __shared__ double tile[TILE];
    int wanted = found[0];
    if (wanted == 0) return;
    int row = blockIdx.x * TILE + threadIdx.x;
    double error = row < d2 ? errors[row] : 0;
    int place = 0;
    for (int first = 0; first < d2; first += TILE) {
        if (first + threadIdx.x < d2) tile[threadIdx.x] = errors[first + threadIdx.x];
        __syncthreads();
        int count = d2 - first < TILE ? d2 - first : TILE;
        for (int i = 0; i < count; i++) place += comes_before(tile[i], first + i, error, row);
        __syncthreads();
    }
    if (row < d2 && place < wanted) rows[place] = row;
}

extern "C" __global__ void __launch_bounds__(256) replace_atoms(
    const int* found, const int* rows, const float* target, float* codes, float* dictionary, float* previous, int k, int r) {
    if (blockIdx.x >= found[0]) return;
    int atom = found[1 + blockIdx.x];
    int row = rows[blockIdx.x];
    const float* signal = target + (long long) row * r;
    float* first = dictionary + (long long) atom * r;
    float* second = previous + (long long) atom * r;
    for (int j = threadIdx.x; j < r; j += blockDim.x) {
        first[j] = signal[j];
        second[j] = signal[j];
    }
    float* code = codes + (long long) row * k;
    for (int i = threadIdx.x; i < k; i += blockDim.x) code[i] = i == atom;
}
