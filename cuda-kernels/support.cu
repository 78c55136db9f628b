// support.cu: where codes are not 0: for every atom the rows that use it, ascending; for every row what of it is stored
//
// Problem  For each column j of the codes, the rows i with codes[i,j] not 0 (a subnormal is not 0, -0 is).
//          mark_stored: of every `group` neighbours in a row, marks[i,j] = 1 where codes[i,j] is not 0, and, where these are fewer than
//          `kept`, at the lowest others, so that there are as many; where they are more, at the lowest of them; else 0.
// Layout   codes (rows, k) f32, row-major. before (chunks, k) int32: a chunk is 64 rows. start (k + 1) int64: column j's list is
//          list[start[j] .. start[j + 1]), int32.
// Launch   count_support: block 256, grid (ceil(k / 256), chunks): before[c,j] = nonzeros of column j in chunk c.
//          place_chunks: a line of blocks of 256 over the columns: before[c,j] = nonzeros in earlier chunks, start[j] = in all.
//          place_columns: one block of 256: start becomes its exclusive prefix sum, `room` where that is beyond it.
//          list_support: as count_support; what lies at `room` or behind it is not written.
//          mark_stored: a line of blocks of 256, a warp a row.
// Order    Each place is a count of what comes before it: no atomics, equal inputs give equal lists.
// Bound    Memory, by design (not yet measured): the codes are read twice, 8 bytes an element; a list's neighbours are written by
//          one thread, one after the other. mark_stored reads them twice and writes as much as it reads once.
// Limits   1 <= rows <= 64 * 65535 (mark_stored: any), k >= 1, a multiple of group; offsets are 64-bit. Callers check.
// Registers at most 40.
#include "primitives/reduce.cuh"

constexpr int CHUNK = 64;

/** Bit r is set where row r of the block's chunk uses the column. */
static __device__ unsigned long long users(const float* codes, int rows, int k, int column) {
    int first = blockIdx.y * CHUNK;
    int count = min(rows - first, CHUNK);
    const float* at = codes + (long long) first * k + column;
    unsigned long long mask = 0;
    for (int r = 0; r < count; r++) {
        bool used = __float_as_uint(at[(long long) r * k]) << 1 != 0;
        mask |= (unsigned long long) used << r;
    }
    return mask;
}

extern "C" __global__ void __launch_bounds__(256) count_support(const float* codes, int* before, int rows, int k) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column < k) before[(long long) blockIdx.y * k + column] = __popcll(users(codes, rows, k, column));
}

extern "C" __global__ void __launch_bounds__(256) place_chunks(int* before, long long* start, int chunks, int k) {
    for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < k; j += gridDim.x * blockDim.x) {
        int sum = 0;
        for (int c = 0; c < chunks; c++) {
            int* at = before + (long long) c * k + j;
            int count = *at;
            *at = sum;
            sum += count;
        }
        start[j] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(256) place_columns(long long* start, long long room, int k) {
    __shared__ long long warps[MOST_WARPS];
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    long long before = 0;
    for (int from = 0; from < k; from += blockDim.x) {
        int j = from + threadIdx.x;
        long long own = j < k ? start[j] : 0;
        long long through = own;
        for (int by = 1; by < 32; by *= 2) {
            long long lower = __shfl_up_sync(ALL_LANES, through, by);
            if (lane >= by) through += lower;
        }
        if (lane == 31) warps[warp] = through;
        __syncthreads();
        long long place = before + through - own;
        for (int w = 0; w < blockDim.x / 32; w++) {
            place += w < warp ? warps[w] : 0;
            before += warps[w];
        }
        if (j < k) start[j] = place < room ? place : room;
        __syncthreads();
    }
    if (threadIdx.x == 0) start[k] = before < room ? before : room;
}

extern "C" __global__ void __launch_bounds__(256) list_support(
    const float* codes, const int* before, const long long* start, int* list, long long room, int rows, int k) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= k) return;
    long long at = start[column] + before[(long long) blockIdx.y * k + column];
    for (unsigned long long left = users(codes, rows, k, column); left != 0 && at < room; left &= left - 1) {
        list[at++] = blockIdx.y * CHUNK + __ffsll(left) - 1;
    }
}

extern "C" __global__ void __launch_bounds__(256) mark_stored(
    const float* codes, float* marks, int rows, int k, int kept, int group) {
    int lane = threadIdx.x % 32;
    unsigned int below = (1u << lane) - 1;
    int warps = gridDim.x * (blockDim.x / 32);
    for (int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32; row < rows; row += warps) {
        const float* code = codes + (long long) row * k;
        float* mark = marks + (long long) row * k;
        for (int from = 0; from < k; from += group) {
            int end = from + group;
            int spare = kept;
            for (int first = from; first < end; first += 32) {
                spare -= __popc(__ballot_sync(ALL_LANES, first + lane < end && code[first + lane] != 0));
            }
            int left = kept;
            for (int first = from; first < end; first += 32) {
                int j = first + lane;
                bool used = j < end && code[j] != 0;
                unsigned int others = __ballot_sync(ALL_LANES, j < end && !used);
                bool fills = (others >> lane & 1) && __popc(others & below) < spare;
                unsigned int taken = __ballot_sync(ALL_LANES, used || fills);
                if (j < end) mark[j] = (taken >> lane & 1) && __popc(taken & below) < left;
                spare -= __popc(others);
                left -= __popc(taken);
            }
        }
    }
}
