// mma.cuh: one product of a warp's tensor cores, m16n8k16 in bf16 with f32 sums; the only inline PTX of the kernels
//
// Fragments, as PTX defines them for lane l, g = l / 4 and t = l % 4; a word holds two bf16, the lower column or row in its low half.
// a (16, 16)   a[0] row g, columns 2t, 2t+1; a[1] row g+8; a[2] row g, columns 2t+8, 2t+9; a[3] row g+8, columns 2t+8, 2t+9
// b (16, 8)    b[0] rows 2t, 2t+1 of column g; b[1] rows 2t+8, 2t+9 of column g
// sums (16, 8) sums[0], sums[1] row g, columns 2t, 2t+1; sums[2], sums[3] row g+8
#pragma once

constexpr int MMA_ROWS = 16;
constexpr int MMA_COLS = 8;
constexpr int MMA_DEPTH = 16;

/** {@code sums += a b}, by all lanes of the warp. */
#ifdef SIMT
static __device__ inline void mma_bf16(float (&sums)[4], const unsigned int (&a)[4], const unsigned int (&b)[2]) {
    simt::mma_m16n8k16_bf16(sums, a, b);
}
#else
static __device__ __forceinline__ void mma_bf16(float (&sums)[4], const unsigned int (&a)[4], const unsigned int (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif
