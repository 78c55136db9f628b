package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.openblas.global.openblas_full;

/**
 * Products of a matrix with its own transpose: half the work of a general product, and exactly symmetric. The lower triangle
 * is cut into bands of rows of equal area; a band is a rectangle left of the diagonal and a small triangle on it, one OpenBLAS
 * call each. The upper triangle is the lower one's mirror.
 */
final class SymmetricProducts {
    /** Edge of the blocks that are mirrored at a time. */
    private static final int MIRROR = 128;

    /** Rows of x that one pass over the Gram converts to f64. */
    private static final int GRAM_ROWS = 512;

    /** Rows of a band: few, so that little is computed twice; enough for an efficient product. */
    private static final int BAND = 128;

    private final Workers workers;

    SymmetricProducts(Workers workers) {
        this.workers = workers;
    }

    /** {@code c <- op(a) op(a)ᵀ}, op(a) being aᵀ if transposed. */
    void multiply(NativeMatrix a, boolean transposed, NativeMatrix c) {
        int n = c.rows();
        int inner = transposed ? a.rows() : a.cols();
        if (n == 0) {
            return;
        }
        int bands = bands(n);
        workers.run(bands, (number, scratch) -> {
            // the last bands are the longest: they go first, so that the workers end together
            int from = (bands - 1 - number) * BAND;
            int rows = Math.min(BAND, n - from);
            long left = transposed ? from : (long) from * a.cols();
            DenseProducts.product(
                    1, a, left, transposed, a, 0, !transposed, 0, c, (long) from * n, rows, from + rows, inner);
        });
        mirror(c);
    }

    /** {@code gram += xᵀ x}, in chunks of rows of x that are converted to f64 once. */
    void addGram(NativeMatrix x, NativeMatrix gram) {
        int d = x.cols();
        if (d == 0 || x.rows() == 0) {
            return;
        }
        int chunk = Math.min(GRAM_ROWS, x.rows());
        int bands = bands(d);
        try (NativeBlock wide = new NativeBlock((long) chunk * d * Double.BYTES, new AtomicLong()).ofDoubles()) {
            for (int from = 0; from < x.rows(); from += chunk) {
                int rows = Math.min(chunk, x.rows() - from);
                int first = from;
                Reductions.rows(workers, rows, d, (row, scratch) -> widen(x, first + row, wide, row, scratch));
                workers.run(bands, (number, scratch) -> addBand(wide, rows, gram, (bands - 1 - number) * BAND));
            }
        }
        mirror(gram);
    }

    private static void widen(NativeMatrix x, int row, NativeBlock wide, int to, Scratch scratch) {
        int d = x.cols();
        float[] narrow = scratch.floats(0, d);
        double[] values = scratch.doubles(0, d);
        x.get((long) row * d, narrow, d);
        for (int j = 0; j < d; j++) {
            values[j] = narrow[j];
        }
        wide.put((long) to * d, values, 0, d);
    }

    private static void addBand(NativeBlock wide, int inner, NativeMatrix gram, int from) {
        int d = gram.cols();
        int rows = Math.min(BAND, d - from);
        long all = wide.address();
        openblas_full.cblas_dgemm(
                ROW_MAJOR,
                TRANSPOSE,
                NO_TRANSPOSE,
                rows,
                from + rows,
                inner,
                1,
                OpenBlas.doubles(all + (long) from * Double.BYTES),
                d,
                OpenBlas.doubles(all),
                d,
                1,
                gram.doubles((long) from * d),
                d);
    }

    private static int bands(int n) {
        return (n + BAND - 1) / BAND;
    }

    private void mirror(NativeMatrix matrix) {
        int blocks = (matrix.cols() + MIRROR - 1) / MIRROR;
        workers.run(blocks, (number, scratch) -> mirror(matrix, number * MIRROR));
    }

    /** Copies what lies below the diagonal in a block's width of columns to the right of the diagonal. */
    private static void mirror(NativeMatrix matrix, int from) {
        int n = matrix.cols();
        int width = Math.min(MIRROR, n - from);
        int end = from + width;
        for (int j = from; j < end - 1; j++) {
            int count = end - 1 - j;
            long column = (long) (j + 1) * n + j;
            long row = (long) j * n + j + 1;
            if (matrix.isF32()) {
                openblas_full.cblas_scopy(count, matrix.floats(column), n, matrix.floats(row), 1);
            } else {
                openblas_full.cblas_dcopy(count, matrix.doubles(column), n, matrix.doubles(row), 1);
            }
        }
        if (end < n) {
            long below = (long) end * n + from;
            long right = (long) from * n + end;
            if (matrix.isF32()) {
                openblas_full.cblas_somatcopy(
                        ROW_MAJOR, TRANSPOSE, n - end, width, 1, matrix.floats(below), n, matrix.floats(right), n);
            } else {
                openblas_full.cblas_domatcopy(
                        ROW_MAJOR, TRANSPOSE, n - end, width, 1, matrix.doubles(below), n, matrix.doubles(right), n);
            }
        }
    }
}
