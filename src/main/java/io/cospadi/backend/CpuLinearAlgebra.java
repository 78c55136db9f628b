package io.cospadi.backend;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasLeft;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasLower;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;

import io.cospadi.tensor.DType;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.util.function.DoubleBinaryOperator;
import java.util.function.IntSupplier;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas;

/**
 * {@link LinearAlgebra} on OpenBLAS. Every BLAS call runs on one OpenBLAS thread over one worker's part of the result, so
 * that BLAS and Java never compete for cores; LAPACK's factorisations alone use OpenBLAS's own threads, while the workers
 * wait. Shapes have been checked.
 */
final class CpuLinearAlgebra {
    /** Least multiply-adds worth a second worker. */
    private static final long GRAIN_MULTIPLY_ADDS = 1 << 16;

    /** Columns of one tile of x in {@link #addGram}: f64 tile of this many tokens stays in the L2 cache's reach. */
    private static final int GRAM_ROWS = 256;

    private static final int ROW_MAJOR = 101;
    private static final byte VECTORS = 'V';
    private static final byte LOWER = 'L';

    private final Workers workers;

    CpuLinearAlgebra(Workers workers) {
        this.workers = workers;
    }

    void gemm(
            double alpha, CpuMatrix a, boolean transposeA, CpuMatrix b, boolean transposeB, double beta, CpuMatrix c) {
        int m = c.rows();
        int n = c.cols();
        int inner = transposeA ? a.rows() : a.cols();
        if (m == 0 || n == 0) {
            return;
        }
        if (inner == 0) {
            scaleAll(beta, c);
            return;
        }
        if (m == 1 && c.dtype() == DType.F32) {
            rowTimesMatrix(alpha, a, b, transposeB, beta, c);
            return;
        }
        long perRow = (long) n * inner;
        long perColumn = (long) m * inner;
        if (m >= n) {
            workers.run(
                    m,
                    grain(perRow),
                    (from, to, worker) -> block(alpha, a, transposeA, b, transposeB, beta, c, from, to, 0, n, inner));
        } else {
            workers.run(
                    n,
                    grain(perColumn),
                    (from, to, worker) -> block(alpha, a, transposeA, b, transposeB, beta, c, 0, m, from, to, inner));
        }
    }

    private static int grain(long multiplyAddsEach) {
        return (int) Math.min(Integer.MAX_VALUE, Math.max(1, GRAIN_MULTIPLY_ADDS / Math.max(1, multiplyAddsEach)));
    }

    /** One block of c: rows row0 .. row1-1, columns col0 .. col1-1. */
    private static void block(
            double alpha,
            CpuMatrix a,
            boolean transposeA,
            CpuMatrix b,
            boolean transposeB,
            double beta,
            CpuMatrix c,
            int row0,
            int row1,
            int col0,
            int col1,
            int inner) {
        long aStart = transposeA ? row0 : (long) row0 * a.cols();
        long bStart = transposeB ? (long) col0 * b.cols() : col0;
        long cStart = (long) row0 * c.cols() + col0;
        int ta = transposeA ? CblasTrans : CblasNoTrans;
        int tb = transposeB ? CblasTrans : CblasNoTrans;
        if (c.dtype() == DType.F32) {
            openblas.cblas_sgemm(
                    CblasRowMajor,
                    ta,
                    tb,
                    row1 - row0,
                    col1 - col0,
                    inner,
                    (float) alpha,
                    a.floats(aStart),
                    a.cols(),
                    b.floats(bStart),
                    b.cols(),
                    (float) beta,
                    c.floats(cStart),
                    c.cols());
        } else {
            openblas.cblas_dgemm(
                    CblasRowMajor,
                    ta,
                    tb,
                    row1 - row0,
                    col1 - col0,
                    inner,
                    alpha,
                    a.doubles(aStart),
                    a.cols(),
                    b.doubles(bStart),
                    b.cols(),
                    beta,
                    c.doubles(cStart),
                    c.cols());
        }
    }

    /** A single row of c is a matrix-vector product, bound by reading b: split b so that every worker reads its own part. */
    private void rowTimesMatrix(double alpha, CpuMatrix a, CpuMatrix b, boolean transposeB, double beta, CpuMatrix c) {
        int inner = transposeB ? b.cols() : b.rows();
        workers.run(c.cols(), grain(inner), (from, to, worker) -> {
            int count = to - from;
            FloatPointer part = transposeB ? b.floats((long) from * b.cols()) : b.floats(from);
            openblas.cblas_sgemv(
                    CblasRowMajor,
                    transposeB ? CblasNoTrans : CblasTrans,
                    transposeB ? count : inner,
                    transposeB ? inner : count,
                    (float) alpha,
                    part,
                    b.cols(),
                    a.floats(0),
                    1,
                    (float) beta,
                    c.floats(from),
                    1);
        });
    }

    void addGram(CpuMatrix x, CpuMatrix gram) {
        int n = x.rows();
        int d = x.cols();
        if (n == 0 || d == 0) {
            return;
        }
        int tileRows = Math.min(n, GRAM_ROWS);
        // the columns of the lower triangle are split so that the workers' areas are about equal
        try (DoublePointer tile = new DoublePointer((long) tileRows * d)) {
            for (int row = 0; row < n; row += tileRows) {
                int count = Math.min(tileRows, n - row);
                widen(x, row, count, tile);
                int parts = Math.max(1, Math.min(workers.threads(), d / 64));
                workers.run(parts, 1, (from, to, worker) -> {
                    for (int part = from; part < to; part++) {
                        int row0 = triangleSplit(d, parts, part);
                        int row1 = triangleSplit(d, parts, part + 1);
                        gramRows(tile, count, d, row0, row1, gram);
                    }
                });
            }
        }
        workers.run(d, 16, (from, to, worker) -> mirror(gram, from, to));
    }

    /** Rows row0 .. row1-1 of the lower triangle of {@code gram += tileᵀ tile}: a rectangle left of the diagonal block. */
    private static void gramRows(DoublePointer tile, int count, int d, int row0, int row1, CpuMatrix gram) {
        int rows = row1 - row0;
        if (rows == 0) {
            return;
        }
        if (row0 > 0) {
            openblas.cblas_dgemm(
                    CblasRowMajor,
                    CblasTrans,
                    CblasNoTrans,
                    rows,
                    row0,
                    count,
                    1,
                    tile.getPointer(row0),
                    d,
                    tile,
                    d,
                    1,
                    gram.doubles((long) row0 * d),
                    d);
        }
        openblas.cblas_dsyrk(
                CblasRowMajor,
                CblasLower,
                CblasTrans,
                rows,
                count,
                1,
                tile.getPointer(row0),
                d,
                1,
                gram.doubles((long) row0 * d + row0),
                d);
    }

    /** First row of a part of the lower triangle, the parts' areas being about equal. */
    private static int triangleSplit(int d, int parts, int part) {
        return part == parts ? d : (int) (d * Math.sqrt((double) part / parts));
    }

    private void widen(CpuMatrix x, int row, int count, DoublePointer tile) {
        int d = x.cols();
        workers.run(count, 16, (from, to, worker) -> {
            FloatBuffer source = x.floatRows(row + from, to - from);
            DoubleBuffer target = new DoublePointer(tile)
                    .position((long) from * d)
                    .limit((long) to * d)
                    .asBuffer();
            float[] values = new float[d];
            double[] wide = new double[d];
            for (int i = 0; i < to - from; i++) {
                source.get(i * d, values);
                for (int j = 0; j < d; j++) {
                    wide[j] = values[j];
                }
                target.put(i * d, wide);
            }
        });
    }

    private static void mirror(CpuMatrix gram, int from, int to) {
        int d = gram.cols();
        for (int i = from; i < to; i++) {
            if (gram.dtype() == DType.F32) {
                openblas.cblas_scopy(i, gram.floats((long) i * d), 1, gram.floats(i), d);
            } else {
                openblas.cblas_dcopy(i, gram.doubles((long) i * d), 1, gram.doubles(i), d);
            }
        }
    }

    /** {@code c <- beta c}; beta 0 clears whatever was there. */
    private void scaleAll(double beta, CpuMatrix c) {
        workers.run(c.rows(), grain(c.cols()), (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                long start = (long) i * c.cols();
                if (c.dtype() == DType.F32) {
                    openblas.cblas_sscal(c.cols(), (float) beta, c.floats(start), 1);
                } else {
                    openblas.cblas_dscal(c.cols(), beta, c.doubles(start), 1);
                }
            }
        });
    }

    void axpy(double alpha, CpuMatrix x, CpuMatrix y) {
        workers.run(x.rows(), grain(x.cols()), (from, to, worker) -> {
            long start = (long) from * x.cols();
            forChunks((long) (to - from) * x.cols(), (offset, count) -> {
                if (x.dtype() == DType.F32) {
                    openblas.cblas_saxpy(
                            count, (float) alpha, x.floats(start + offset), 1, y.floats(start + offset), 1);
                } else {
                    openblas.cblas_daxpy(count, alpha, x.doubles(start + offset), 1, y.doubles(start + offset), 1);
                }
            });
        });
    }

    void scale(double alpha, CpuMatrix matrix) {
        scaleAll(alpha, matrix);
    }

    void scaleRows(CpuMatrix matrix, CpuMatrix factors) {
        double[] values = vector(factors);
        workers.run(matrix.rows(), grain(matrix.cols()), (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                long start = (long) i * matrix.cols();
                if (matrix.dtype() == DType.F32) {
                    openblas.cblas_sscal(matrix.cols(), (float) values[i], matrix.floats(start), 1);
                } else {
                    openblas.cblas_dscal(matrix.cols(), values[i], matrix.doubles(start), 1);
                }
            }
        });
    }

    void scaleColumns(CpuMatrix matrix, CpuMatrix factors) {
        int cols = matrix.cols();
        double[] values = vector(factors);
        workers.run(matrix.rows(), grain(cols), (from, to, worker) -> {
            if (matrix.dtype() == DType.F32) {
                float[] row = new float[cols];
                for (int i = from; i < to; i++) {
                    FloatBuffer buffer = matrix.floatRows(i, 1);
                    buffer.get(0, row);
                    for (int j = 0; j < cols; j++) {
                        row[j] *= (float) values[j];
                    }
                    buffer.put(0, row);
                }
            } else {
                double[] row = new double[cols];
                for (int i = from; i < to; i++) {
                    DoubleBuffer buffer = matrix.doubleRows(i, 1);
                    buffer.get(0, row);
                    for (int j = 0; j < cols; j++) {
                        row[j] *= values[j];
                    }
                    buffer.put(0, row);
                }
            }
        });
    }

    void rowDots(CpuMatrix a, CpuMatrix b, CpuMatrix out) {
        double[] dots = rowDots(a, b);
        if (out.dtype() == DType.F32) {
            FloatBuffer buffer = out.floatRows(0, 1);
            for (int i = 0; i < dots.length; i++) {
                buffer.put(i, (float) dots[i]);
            }
        } else {
            out.doubleRows(0, 1).put(0, dots);
        }
    }

    double dot(CpuMatrix a, CpuMatrix b) {
        double sum = 0;
        for (double row : rowDots(a, b)) {
            sum += row;
        }
        return sum;
    }

    private double[] rowDots(CpuMatrix a, CpuMatrix b) {
        int cols = a.cols();
        double[] dots = new double[a.rows()];
        workers.run(a.rows(), grain(cols), (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                long start = (long) i * cols;
                dots[i] = a.dtype() == DType.F32
                        ? openblas.cblas_dsdot(cols, a.floats(start), 1, b.floats(start), 1)
                        : openblas.cblas_ddot(cols, a.doubles(start), 1, b.doubles(start), 1);
            }
        });
        return dots;
    }

    void diagonal(CpuMatrix matrix, CpuMatrix out) {
        int n = matrix.rows();
        if (n == 0) {
            return;
        }
        if (matrix.dtype() == DType.F32) {
            openblas.cblas_scopy(n, matrix.floats(0), n + 1, out.floats(0), 1);
        } else {
            openblas.cblas_dcopy(n, matrix.doubles(0), n + 1, out.doubles(0), 1);
        }
    }

    void addToDiagonal(CpuMatrix matrix, double value) {
        for (int i = 0; i < matrix.rows(); i++) {
            long index = (long) i * matrix.cols() + i;
            if (matrix.dtype() == DType.F32) {
                FloatPointer element = matrix.floats(index);
                element.put((float) (element.get() + value));
            } else {
                DoublePointer element = matrix.doubles(index);
                element.put(element.get() + value);
            }
        }
    }

    boolean cholesky(CpuMatrix matrix) {
        int n = matrix.rows();
        if (n == 0) {
            return true;
        }
        int info = withAllThreads(() -> matrix.dtype() == DType.F32
                ? openblas.LAPACKE_spotrf(ROW_MAJOR, LOWER, n, matrix.floats(0), n)
                : openblas.LAPACKE_dpotrf(ROW_MAJOR, LOWER, n, matrix.doubles(0), n));
        if (info < 0) {
            throw new IllegalStateException("LAPACK potrf refused argument " + -info + " for " + matrix.shape());
        }
        for (int i = 0; info == 0 && i < n - 1; i++) {
            long start = (long) i * n + i + 1;
            if (matrix.dtype() == DType.F32) {
                openblas.cblas_sscal(n - i - 1, 0f, matrix.floats(start), 1);
            } else {
                openblas.cblas_dscal(n - i - 1, 0, matrix.doubles(start), 1);
            }
        }
        return info == 0;
    }

    void solveTriangular(CpuMatrix factor, boolean transposed, CpuMatrix b) {
        int n = factor.rows();
        if (n == 0) {
            return;
        }
        workers.run(b.cols(), 16, (from, to, worker) -> {
            if (b.dtype() == DType.F32) {
                openblas.cblas_strsm(
                        CblasRowMajor,
                        CblasLeft,
                        CblasLower,
                        transposed ? CblasTrans : CblasNoTrans,
                        CblasNonUnit,
                        n,
                        to - from,
                        1f,
                        factor.floats(0),
                        n,
                        b.floats(from),
                        b.cols());
            } else {
                openblas.cblas_dtrsm(
                        CblasRowMajor,
                        CblasLeft,
                        CblasLower,
                        transposed ? CblasTrans : CblasNoTrans,
                        CblasNonUnit,
                        n,
                        to - from,
                        1,
                        factor.doubles(0),
                        n,
                        b.doubles(from),
                        b.cols());
            }
        });
    }

    double[] eigenSymmetric(CpuMatrix matrix) {
        int n = matrix.rows();
        double[] values = new double[n];
        if (n == 0) {
            return values;
        }
        // Column-major LAPACK on a symmetric row-major matrix reads the same numbers, and leaves eigenvector i in
        // column i,
        // which is row i of the row-major matrix: no transposition on the way in or out.
        int columnMajor = 102;
        int info;
        if (matrix.dtype() == DType.F32) {
            try (FloatPointer w = new FloatPointer(n)) {
                info = withAllThreads(
                        () -> openblas.LAPACKE_ssyevd(columnMajor, VECTORS, LOWER, n, matrix.floats(0), n, w));
                for (int i = 0; i < n; i++) {
                    values[i] = w.get(i);
                }
            }
        } else {
            try (DoublePointer w = new DoublePointer(n)) {
                info = withAllThreads(
                        () -> openblas.LAPACKE_dsyevd(columnMajor, VECTORS, LOWER, n, matrix.doubles(0), n, w));
                w.get(values);
            }
        }
        if (info != 0) {
            throw new ArithmeticException("eigendecomposition of " + matrix.shape() + " did not converge (LAPACK "
                    + info + "); are all entries finite?");
        }
        workers.run(n, 16, (from, to, worker) -> fixSigns(matrix, from, to));
        return values;
    }

    /** An eigenvector's sign is arbitrary: the entry of largest magnitude, the first of equals, becomes positive. */
    private static void fixSigns(CpuMatrix vectors, int from, int to) {
        int n = vectors.cols();
        for (int i = from; i < to; i++) {
            long start = (long) i * n;
            if (vectors.dtype() == DType.F32) {
                FloatPointer row = vectors.floats(start);
                if (row.get(openblas.cblas_isamax(n, row, 1)) < 0) {
                    openblas.cblas_sscal(n, -1f, row, 1);
                }
            } else {
                DoublePointer row = vectors.doubles(start);
                if (row.get(openblas.cblas_idamax(n, row, 1)) < 0) {
                    openblas.cblas_dscal(n, -1, row, 1);
                }
            }
        }
    }

    private int withAllThreads(IntSupplier lapack) {
        openblas.blas_set_num_threads(workers.threads());
        try {
            return lapack.getAsInt();
        } finally {
            openblas.blas_set_num_threads(1);
        }
    }

    /** BLAS counts in 32 bits. */
    private static void forChunks(long size, Chunk chunk) {
        int most = 1 << 30;
        for (long offset = 0; offset < size; offset += most) {
            chunk.run(offset, (int) Math.min(most, size - offset));
        }
    }

    @FunctionalInterface
    private interface Chunk {
        void run(long offset, int count);
    }

    /** The values of a (1, n) matrix. */
    private static double[] vector(CpuMatrix row) {
        double[] values = new double[row.cols()];
        if (row.dtype() == DType.F64) {
            row.doubleRows(0, 1).get(0, values);
        } else {
            FloatBuffer buffer = row.floatRows(0, 1);
            for (int i = 0; i < values.length; i++) {
                values[i] = buffer.get(i);
            }
        }
        return values;
    }

    void symmetricProduct(CpuMatrix a, boolean transposed, CpuMatrix c) {
        int n = c.rows();
        int inner = transposed ? a.rows() : a.cols();
        if (n == 0) {
            return;
        }
        int parts = Math.max(1, Math.min(workers.threads(), n / 64));
        workers.run(parts, 1, (from, to, worker) -> {
            for (int part = from; part < to; part++) {
                int row0 = triangleSplit(n, parts, part);
                int row1 = triangleSplit(n, parts, part + 1);
                block(1, a, transposed, a, !transposed, 0, c, row0, row1, 0, row1, inner);
            }
        });
        workers.run(n, 16, (from, to, worker) -> mirror(c, from, to));
    }

    void axpyRows(CpuMatrix factors, CpuMatrix x, CpuMatrix y) {
        double[] values = vector(factors);
        int cols = x.cols();
        workers.run(x.rows(), grain(cols), (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                long start = (long) i * cols;
                if (x.dtype() == DType.F32) {
                    openblas.cblas_saxpy(cols, (float) values[i], x.floats(start), 1, y.floats(start), 1);
                } else {
                    openblas.cblas_daxpy(cols, values[i], x.doubles(start), 1, y.doubles(start), 1);
                }
            }
        });
    }

    void power(CpuMatrix values, double exponent, CpuMatrix out) {
        elementwise(values, values, out, (x, ignored) -> x > 0 ? Math.pow(x, exponent) : 0);
    }

    void ratio(CpuMatrix numerators, CpuMatrix denominators, CpuMatrix out) {
        elementwise(numerators, denominators, out, (x, y) -> y > 0 ? x / y : 0);
    }

    private static void elementwise(CpuMatrix a, CpuMatrix b, CpuMatrix out, DoubleBinaryOperator operator) {
        for (int i = 0; i < a.rows(); i++) {
            if (a.dtype() == DType.F32) {
                FloatBuffer x = a.floatRows(i, 1);
                FloatBuffer y = b.floatRows(i, 1);
                FloatBuffer result = out.floatRows(i, 1);
                for (int j = 0; j < a.cols(); j++) {
                    result.put(j, (float) operator.applyAsDouble(x.get(j), y.get(j)));
                }
            } else {
                DoubleBuffer x = a.doubleRows(i, 1);
                DoubleBuffer y = b.doubleRows(i, 1);
                DoubleBuffer result = out.doubleRows(i, 1);
                for (int j = 0; j < a.cols(); j++) {
                    result.put(j, operator.applyAsDouble(x.get(j), y.get(j)));
                }
            }
        }
    }

    double smallest(CpuMatrix matrix) {
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < matrix.rows(); i++) {
            if (matrix.dtype() == DType.F32) {
                FloatBuffer row = matrix.floatRows(i, 1);
                for (int j = 0; j < matrix.cols(); j++) {
                    least = Math.min(least, row.get(j));
                }
            } else {
                DoubleBuffer row = matrix.doubleRows(i, 1);
                for (int j = 0; j < matrix.cols(); j++) {
                    least = Math.min(least, row.get(j));
                }
            }
        }
        return least;
    }
}
