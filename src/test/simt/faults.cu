// faults.cu: kernels with the mistakes that the emulation has to show, and its mma by itself; blocks are one row
// of threads
#include "primitives/early.cuh"
#include "primitives/mma.cuh"
#include "primitives/reduce.cuh"
#include "primitives/shared.cuh"

/** out is in backwards; right. */
extern "C" __global__ void reverse(const float* in, float* out) {
    __shared__ float tile[256];
    tile[threadIdx.x] = in[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

/** The same without its barrier. */
extern "C" __global__ void reverse_without_barrier(const float* in, float* out) {
    __shared__ float tile[256];
    tile[threadIdx.x] = in[threadIdx.x];
    out[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void barrier_for_some() {
    if (threadIdx.x != 3) __syncthreads();
}

extern "C" __global__ void shuffle_for_some(float* out) {
    if (threadIdx.x != 3) out[threadIdx.x] = __shfl_xor_sync(ALL_LANES, 1.0f, 1);
}

extern "C" __global__ void writes_beyond_shared(int count) {
    DYNAMIC_SHARED(float, shared);
    for (int i = threadIdx.x; i < count; i += blockDim.x) shared[i] = 1;
}

extern "C" __global__ void reads_shared_unwritten(float* out) {
    __shared__ float tile[32];
    DYNAMIC_SHARED(float, shared);
    out[threadIdx.x] = threadIdx.x % 2 ? tile[threadIdx.x] : shared[threadIdx.x];
}

extern "C" __global__ void writes(float* out, int from, int to) {
    for (int i = from + threadIdx.x; i < to; i += blockDim.x) out[i] = 1;
}

/** Every sum and shuffle of lanes with numbers of their own. */
extern "C" __global__ void lanes(int* out) {
    int lane = threadIdx.x;
    out[lane] = warp_reduce<Sum>(lane + 1);
    out[32 + lane] = __shfl_up_sync(ALL_LANES, lane, 3);
    out[64 + lane] = (int) __ballot_sync(ALL_LANES, lane % 3 == 0);
}

/** out (16, 8) += a (16, 16) b (16, 8), a by rows and b by columns in bf16: fragments by the map that PTX documents. */
extern "C" __global__ void mma_of_matrices(const unsigned short* a, const unsigned short* b, float* out) {
    int g = threadIdx.x / 4;
    int t = threadIdx.x % 4;
    auto two = [](const unsigned short* at) { return at[0] | (unsigned int) at[1] << 16; };
    unsigned int left[4];
    for (int i = 0; i < 4; i++) left[i] = two(a + (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8);
    unsigned int right[2] = {two(b + g * 16 + 2 * t), two(b + g * 16 + 2 * t + 8)};
    float sums[4];
    for (int i = 0; i < 4; i++) sums[i] = out[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
    mma_bf16(sums, left, right);
    for (int i = 0; i < 4; i++) out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sums[i];
}

extern "C" __global__ void early_waits(const float* weights, float* out) {
    float weight = weights[threadIdx.x];
    wait_for_launch_before();
    out[threadIdx.x] += weight;
}

extern "C" __global__ void early_reads(const float* weights, float* out) {
    float before = out[threadIdx.x];
    wait_for_launch_before();
    out[threadIdx.x] = before + weights[threadIdx.x];
}

extern "C" __global__ void early_writes(const float* weights, float* out) {
    out[threadIdx.x] = weights[threadIdx.x];
    wait_for_launch_before();
}

extern "C" __global__ void early_never_waits(const float* weights, float* out) { out[threadIdx.x] += weights[threadIdx.x]; }

extern "C" __global__ void early_waits_in_part(const float* weights, float* out) {
    if (threadIdx.x > 0) wait_for_launch_before();
}

struct Members {
    int first;
    double second;
    float third;
    int fourth;
    long long fifth;
    int sixth;
};

extern "C" __global__ void members(int before, Members members, float behind, double* out) {
    double all[] = {double(before), double(members.first), members.second, members.third, double(members.fourth),
                    double(members.fifth), double(members.sixth), behind};
    for (int i = 0; i < 8; i++) out[i] = all[i];
}
