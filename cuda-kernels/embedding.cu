// embedding.cu: rows of a table by index, as the embedding of tokens
//
// Problem  out[i,:] = table[index[i],:]; gather_rows_bf16 widens, exactly.
// Layout   table (entries, cols) f32 or bf16 patterns, out (count, cols) f32, index (count) int32. Row-major, dense.
// Launch   One block of 256 an index.
// Bound    Memory, by design (not yet measured): each element is read once and written once.
// Limits   0 <= index[i] < entries, which callers check; offsets are 64-bit.
// Registers at most 32.
static __device__ float widened(float value) { return value; }
static __device__ float widened(unsigned short bits) { return __uint_as_float((unsigned int) bits << 16); }

template <typename T>
static __device__ void gather_row(const T* table, const int* index, float* out, int cols) {
    const T* from = table + (long long) index[blockIdx.x] * cols;
    float* to = out + (long long) blockIdx.x * cols;
    for (int j = threadIdx.x; j < cols; j += blockDim.x) to[j] = widened(from[j]);
}

extern "C" __global__ void __launch_bounds__(256) gather_rows(const float* table, const int* index, float* out, int cols) {
    gather_row(table, index, out, cols);
}

extern "C" __global__ void __launch_bounds__(256) gather_rows_bf16(
    const unsigned short* table, const int* index, float* out, int cols) {
    gather_row(table, index, out, cols);
}
