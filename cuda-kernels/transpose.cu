// transpose.cu: rows into columns, and one triangle of a square matrix into the other
//
// Problem  transpose_*: out = xᵀ. mirror_lower_*: x[j,i] = x[i,j] for i > j, in place; mirror_upper_*: for i < j.
// Layout   x (rows, cols), out (cols, rows); mirrored x (n, n). Row-major, dense.
// Launch   Block (32, 8), a tile of 32 x 32; grid (tiles across, tiles down), any. A tile passes through shared memory, so that
//          whole rows of it are read and written. In a mirrored matrix a block writes tiles that no other block touches.
// Bound    Memory, by design (not yet measured): each element is read once and written once.
// Limits   out is not x; offsets are 64-bit.
// Registers at most 40.
constexpr int TILE = 32;
constexpr int PITCH = TILE + 1;  // a column of the tile lies in 32 different banks

/** out[j,i] = x[i,j] for the wanted (i, j), which lie in tiles whose first element takes part. */
template <typename T, typename TakesPart, typename Wanted>
static __device__ void turn(const T* x, T* out, int rows, int cols, T* tile, TakesPart takes_part, Wanted wanted) {
    int lane = threadIdx.x;
    for (long long top = blockIdx.y * (long long) TILE; top < rows; top += gridDim.y * (long long) TILE) {
        for (long long left = blockIdx.x * (long long) TILE; left < cols; left += gridDim.x * (long long) TILE) {
            if (!takes_part(top, left)) continue;
            for (int r = threadIdx.y; r < TILE; r += blockDim.y) {
                if (top + r < rows && left + lane < cols) tile[r * PITCH + lane] = x[(top + r) * cols + left + lane];
            }
            __syncthreads();
            for (int r = threadIdx.y; r < TILE; r += blockDim.y) {
                long long i = top + lane;
                long long j = left + r;
                if (i < rows && j < cols && wanted(i, j)) out[j * rows + i] = tile[lane * PITCH + r];
            }
            __syncthreads();
        }
    }
}

template <typename T>
static __device__ void transpose(const T* x, T* out, int rows, int cols, T* tile) {
    turn(x, out, rows, cols, tile, [](long long, long long) { return true; }, [](long long, long long) { return true; });
}

template <typename T>
static __device__ void mirror_lower(T* x, int n, T* tile) {
    turn(x, x, n, n, tile, [](long long top, long long left) { return top >= left; },
        [](long long i, long long j) { return i > j; });
}

template <typename T>
static __device__ void mirror_upper(T* x, int n, T* tile) {
    turn(x, x, n, n, tile, [](long long top, long long left) { return top <= left; },
        [](long long i, long long j) { return i < j; });
}

extern "C" __global__ void __launch_bounds__(256) transpose_f32(const float* x, float* out, int rows, int cols) {
    __shared__ float tile[TILE * PITCH];
    transpose(x, out, rows, cols, tile);
}

extern "C" __global__ void __launch_bounds__(256) transpose_f64(const double* x, double* out, int rows, int cols) {
    __shared__ double tile[TILE * PITCH];
    transpose(x, out, rows, cols, tile);
}

extern "C" __global__ void __launch_bounds__(256) mirror_lower_f32(float* x, int n) {
    __shared__ float tile[TILE * PITCH];
    mirror_lower(x, n, tile);
}

extern "C" __global__ void __launch_bounds__(256) mirror_lower_f64(double* x, int n) {
    __shared__ double tile[TILE * PITCH];
    mirror_lower(x, n, tile);
}

extern "C" __global__ void __launch_bounds__(256) mirror_upper_f32(float* x, int n) {
    __shared__ float tile[TILE * PITCH];
    mirror_upper(x, n, tile);
}

extern "C" __global__ void __launch_bounds__(256) mirror_upper_f64(double* x, int n) {
    __shared__ double tile[TILE * PITCH];
    mirror_upper(x, n, tile);
}
