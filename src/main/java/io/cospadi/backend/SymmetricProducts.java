package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.LOWER;
import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.openblas.global.openblas_full;

/**
 * Products of a matrix with its own transpose: the lower triangle tile by tile, each tile by one worker, the upper one its
 * mirror. Half the work of a general product, and exactly symmetric.
 */
final class SymmetricProducts {
    /** Edge of a square tile. */
    private static final int TILE = 192;

    /** Rows of x that one pass over the Gram converts to f64. */
    private static final int GRAM_ROWS = 512;

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
        int tiles = tiles(n);
        workers.run(tiles * (tiles + 1) / 2, (number, scratch) -> {
            int i = tileRow(number);
            int j = number - i * (i + 1) / 2;
            int rowFrom = i * TILE;
            int colFrom = j * TILE;
            int rows = Math.min(TILE, n - rowFrom);
            int cols = Math.min(TILE, n - colFrom);
            long left = transposed ? rowFrom : (long) rowFrom * a.cols();
            long right = transposed ? colFrom : (long) colFrom * a.cols();
            DenseProducts.product(
                    1,
                    a,
                    left,
                    transposed,
                    a,
                    right,
                    !transposed,
                    0,
                    c,
                    (long) rowFrom * n + colFrom,
                    rows,
                    cols,
                    inner);
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
        int tiles = tiles(d);
        try (NativeBlock wide = new NativeBlock((long) chunk * d * Double.BYTES, new AtomicLong()).ofDoubles()) {
            for (int from = 0; from < x.rows(); from += chunk) {
                int rows = Math.min(chunk, x.rows() - from);
                int first = from;
                Reductions.rows(workers, rows, d, (row, scratch) -> widen(x, first + row, wide, row, scratch));
                workers.run(tiles * (tiles + 1) / 2, (number, scratch) -> addTile(wide, rows, gram, number));
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

    private static void addTile(NativeBlock wide, int rows, NativeMatrix gram, int number) {
        int i = tileRow(number);
        int j = number - i * (i + 1) / 2;
        int d = gram.cols();
        int rowFrom = i * TILE;
        int colFrom = j * TILE;
        int m = Math.min(TILE, d - rowFrom);
        int n = Math.min(TILE, d - colFrom);
        long at = (long) rowFrom * d + colFrom;
        long left = wide.address() + (long) rowFrom * Double.BYTES;
        long right = wide.address() + (long) colFrom * Double.BYTES;
        if (i == j) {
            openblas_full.cblas_dsyrk(
                    ROW_MAJOR, LOWER, TRANSPOSE, m, rows, 1, OpenBlas.doubles(left), d, 1, gram.doubles(at), d);
        } else {
            openblas_full.cblas_dgemm(
                    ROW_MAJOR,
                    TRANSPOSE,
                    NO_TRANSPOSE,
                    m,
                    n,
                    rows,
                    1,
                    OpenBlas.doubles(left),
                    d,
                    OpenBlas.doubles(right),
                    d,
                    1,
                    gram.doubles(at),
                    d);
        }
    }

    private static int tiles(int n) {
        return (n + TILE - 1) / TILE;
    }

    /** Row of the number-th tile of a lower triangle, counted row by row. */
    static int tileRow(int number) {
        // exact: a double holds 8 number + 1, and its root is whole where a row begins
        return (int) ((Math.sqrt(8.0 * number + 1) - 1) / 2);
    }

    private void mirror(NativeMatrix matrix) {
        workers.run(tiles(matrix.cols()), (number, scratch) -> mirror(matrix, number * TILE, scratch));
    }

    /** Copies what lies below the diagonal in a tile's width of columns to the right of the diagonal. */
    private static void mirror(NativeMatrix matrix, int from, Scratch scratch) {
        int n = matrix.cols();
        int width = Math.min(TILE, n - from);
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
