package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.COLUMN_MAJOR;
import static io.cospadi.backend.OpenBlas.LEFT;
import static io.cospadi.backend.OpenBlas.LOWER;
import static io.cospadi.backend.OpenBlas.NON_UNIT;
import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.RIGHT;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Cholesky factors and triangular solves. The factorisation is the blocked right-looking one (Golub, Van Loan: Matrix
 * Computations, algorithm 4.2.4): a small factor on the diagonal, the panel below by rows, the trailing triangle by tiles.
 */
final class Triangular {
    private static final int BLOCK = 96;

    /** Rows of one tile of the panel and of the trailing triangle. */
    private static final int TILE = 192;

    private final Workers workers;

    Triangular(Workers workers) {
        this.workers = workers;
    }

    boolean cholesky(NativeMatrix matrix) {
        int n = matrix.rows();
        for (int from = 0; from < n; from += BLOCK) {
            int width = Math.min(BLOCK, n - from);
            if (!factorDiagonal(matrix, from, width)) {
                return false;
            }
            int below = n - from - width;
            int tiles = (below + TILE - 1) / TILE;
            int panel = from;
            workers.run(tiles, (number, scratch) -> solvePanel(matrix, panel, width, number));
            workers.run(tiles * (tiles + 1) / 2, (number, scratch) -> updateTile(matrix, panel, width, number));
        }
        clearUpper(matrix);
        return true;
    }

    /** A row-major lower triangle is a column-major upper one: no copy is needed. */
    private static boolean factorDiagonal(NativeMatrix matrix, int from, int width) {
        int n = matrix.cols();
        long at = (long) from * n + from;
        int info = matrix.isF32()
                ? openblas_full.LAPACKE_spotrf(COLUMN_MAJOR, (byte) 'U', width, matrix.floats(at), n)
                : openblas_full.LAPACKE_dpotrf(COLUMN_MAJOR, (byte) 'U', width, matrix.doubles(at), n);
        // negative: LAPACKE found a NaN, which is not positive definite either
        return info == 0;
    }

    private static void solvePanel(NativeMatrix matrix, int from, int width, int number) {
        int n = matrix.cols();
        int row = from + width + number * TILE;
        int rows = Math.min(TILE, n - row);
        long diagonal = (long) from * n + from;
        long at = (long) row * n + from;
        if (matrix.isF32()) {
            openblas_full.cblas_strsm(
                    ROW_MAJOR,
                    RIGHT,
                    LOWER,
                    TRANSPOSE,
                    NON_UNIT,
                    rows,
                    width,
                    1,
                    matrix.floats(diagonal),
                    n,
                    matrix.floats(at),
                    n);
        } else {
            openblas_full.cblas_dtrsm(
                    ROW_MAJOR,
                    RIGHT,
                    LOWER,
                    TRANSPOSE,
                    NON_UNIT,
                    rows,
                    width,
                    1,
                    matrix.doubles(diagonal),
                    n,
                    matrix.doubles(at),
                    n);
        }
    }

    private static void updateTile(NativeMatrix matrix, int from, int width, int number) {
        int i = (int) ((Math.sqrt(8.0 * number + 1) - 1) / 2);
        int j = number - i * (i + 1) / 2;
        int n = matrix.cols();
        int row = from + width + i * TILE;
        int col = from + width + j * TILE;
        int rows = Math.min(TILE, n - row);
        int cols = Math.min(TILE, n - col);
        long left = (long) row * n + from;
        long right = (long) col * n + from;
        long at = (long) row * n + col;
        if (i == j) {
            if (matrix.isF32()) {
                openblas_full.cblas_ssyrk(
                        ROW_MAJOR,
                        LOWER,
                        NO_TRANSPOSE,
                        rows,
                        width,
                        -1,
                        matrix.floats(left),
                        n,
                        1,
                        matrix.floats(at),
                        n);
            } else {
                openblas_full.cblas_dsyrk(
                        ROW_MAJOR,
                        LOWER,
                        NO_TRANSPOSE,
                        rows,
                        width,
                        -1,
                        matrix.doubles(left),
                        n,
                        1,
                        matrix.doubles(at),
                        n);
            }
        } else if (matrix.isF32()) {
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    TRANSPOSE,
                    rows,
                    cols,
                    width,
                    -1,
                    matrix.floats(left),
                    n,
                    matrix.floats(right),
                    n,
                    1,
                    matrix.floats(at),
                    n);
        } else {
            openblas_full.cblas_dgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    TRANSPOSE,
                    rows,
                    cols,
                    width,
                    -1,
                    matrix.doubles(left),
                    n,
                    matrix.doubles(right),
                    n,
                    1,
                    matrix.doubles(at),
                    n);
        }
    }

    private void clearUpper(NativeMatrix matrix) {
        int n = matrix.rows();
        float[] zeros = matrix.isF32() ? new float[n] : null;
        double[] wideZeros = matrix.isF32() ? null : new double[n];
        for (int i = 0; i < n - 1; i++) {
            long at = (long) i * n + i + 1;
            if (matrix.isF32()) {
                matrix.put(at, zeros, n - 1 - i);
            } else {
                matrix.put(at, wideZeros, n - 1 - i);
            }
        }
    }

    /** The right-hand sides are columns, and are shared out by columns. */
    void solve(NativeMatrix factor, boolean transposed, NativeMatrix b) {
        int n = b.rows();
        int m = b.cols();
        if (n == 0 || m == 0) {
            return;
        }
        int even = (m + workers.threads() - 1) / workers.threads();
        int block = (long) n * n * m < 100_000 ? m : (even + 15) / 16 * 16;
        int op = transposed ? TRANSPOSE : NO_TRANSPOSE;
        workers.run((m + block - 1) / block, (number, scratch) -> {
            int from = number * block;
            int count = Math.min(block, m - from);
            if (b.isF32()) {
                openblas_full.cblas_strsm(
                        ROW_MAJOR, LEFT, LOWER, op, NON_UNIT, n, count, 1, factor.floats(0), n, b.floats(from), m);
            } else {
                openblas_full.cblas_dtrsm(
                        ROW_MAJOR, LEFT, LOWER, op, NON_UNIT, n, count, 1, factor.doubles(0), n, b.doubles(from), m);
            }
        });
    }
}
