package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Dense products. The result is cut into blocks of rows or of columns, and each worker gives its block to single-threaded
 * OpenBLAS: a block's bits depend on the cut alone, and the cut on the shapes and the thread count.
 */
final class DenseProducts {
    /** Below this many multiply-adds a second worker costs more than it brings. */
    static final long WORTH_SPLITTING = 100_000;

    /** Rows or columns of a block that make packing cheap beside the product. */
    private static final int LONG_BLOCK = 512;

    private final Workers workers;

    DenseProducts(Workers workers) {
        this.workers = workers;
    }

    void gemm(
            double alpha,
            NativeMatrix a,
            boolean transposeA,
            NativeMatrix b,
            boolean transposeB,
            double beta,
            NativeMatrix c) {
        int m = c.rows();
        int n = c.cols();
        int inner = transposeA ? a.rows() : a.cols();
        if (m == 0 || n == 0) {
            return;
        }
        boolean byRows = m >= n;
        int split = byRows ? m : n;
        // multiples of 16 keep the micro-kernels of every block but the last free of edges
        int block = blockLength(split, (long) m * n * inner);
        int blocks = (split + block - 1) / block;
        workers.run(blocks, (number, scratch) -> {
            int from = number * block;
            int count = Math.min(block, split - from);
            if (byRows) {
                product(
                        alpha,
                        a,
                        transposeA ? from : (long) from * a.cols(),
                        transposeA,
                        b,
                        0,
                        transposeB,
                        beta,
                        c,
                        (long) from * n,
                        count,
                        n,
                        inner);
            } else {
                product(
                        alpha,
                        a,
                        0,
                        transposeA,
                        b,
                        transposeB ? (long) from * b.cols() : from,
                        transposeB,
                        beta,
                        c,
                        from,
                        m,
                        count,
                        inner);
            }
        });
    }

    /** One block a worker, more where they stay long: shorter ones would pack the shared operand too often. */
    private int blockLength(int split, long multiplyAdds) {
        if (multiplyAdds < WORTH_SPLITTING || workers.threads() == 1) {
            return split;
        }
        int each = (split + workers.threads() - 1) / workers.threads();
        int blocks = Math.max(1, Math.min(4, each / LONG_BLOCK));
        return ((each + blocks - 1) / blocks + 15) / 16 * 16;
    }

    /** A block (m, n) of C from where it, op(A)'s rows and op(B)'s columns start, in elements. */
    static void product(
            double alpha,
            NativeMatrix a,
            long aStart,
            boolean transposeA,
            NativeMatrix b,
            long bStart,
            boolean transposeB,
            double beta,
            NativeMatrix c,
            long cStart,
            int m,
            int n,
            int inner) {
        int opA = transposeA ? TRANSPOSE : NO_TRANSPOSE;
        int opB = transposeB ? TRANSPOSE : NO_TRANSPOSE;
        int lda = Math.max(1, a.cols());
        int ldb = Math.max(1, b.cols());
        int ldc = Math.max(1, c.cols());
        if (c.isF32() && inner == 1 && beta == 1) {
            // a rank-1 update only reads and writes C
            openblas_full.cblas_sger(
                    ROW_MAJOR,
                    m,
                    n,
                    (float) alpha,
                    a.floats(aStart),
                    transposeA ? 1 : lda,
                    b.floats(bStart),
                    transposeB ? ldb : 1,
                    c.floats(cStart),
                    ldc);
        } else if (c.isF32() && m == 1 && inner > 0) {
            // one token: the whole call is reading B once
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    transposeB ? NO_TRANSPOSE : TRANSPOSE,
                    transposeB ? n : inner,
                    transposeB ? inner : n,
                    (float) alpha,
                    b.floats(bStart),
                    ldb,
                    a.floats(aStart),
                    transposeA ? lda : 1,
                    (float) beta,
                    c.floats(cStart),
                    1);
        } else if (c.isF32() && n == 1 && inner > 0) {
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    opA,
                    transposeA ? inner : m,
                    transposeA ? m : inner,
                    (float) alpha,
                    a.floats(aStart),
                    lda,
                    b.floats(bStart),
                    transposeB ? 1 : ldb,
                    (float) beta,
                    c.floats(cStart),
                    ldc);
        } else if (c.isF32()) {
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    opA,
                    opB,
                    m,
                    n,
                    inner,
                    (float) alpha,
                    a.floats(aStart),
                    lda,
                    b.floats(bStart),
                    ldb,
                    (float) beta,
                    c.floats(cStart),
                    ldc);
        } else {
            openblas_full.cblas_dgemm(
                    ROW_MAJOR,
                    opA,
                    opB,
                    m,
                    n,
                    inner,
                    alpha,
                    a.doubles(aStart),
                    lda,
                    b.doubles(bStart),
                    ldb,
                    beta,
                    c.doubles(cStart),
                    ldc);
        }
    }
}
