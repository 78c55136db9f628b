package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.sameShape;
import static io.cospadi.backend.Shapes.sameType;
import static io.cospadi.backend.Shapes.single;
import static io.cospadi.backend.Shapes.square;
import static io.cospadi.backend.Shapes.vector;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.openblas.global.openblas;

/** {@link Backend} on OpenBLAS and plain Java loops: checks shapes here, computes in the package's Cpu classes. */
public final class CpuBackend implements Backend {
    private final int threads;
    private final AtomicLong allocated = new AtomicLong();
    private final Workers workers;
    private final CpuStorage storage;
    private final CpuLinearAlgebra algebra;
    private final CpuSparseCoding coding;
    private final CpuDecoding decoding;

    /**
     * @param threads worker threads, the caller one of them, {@code >= 1}
     * @throws IllegalArgumentException for fewer
     */
    public CpuBackend(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("a CPU backend needs at least 1 thread, got " + threads);
        }
        this.threads = threads;
        openblas.blas_set_num_threads(1);
        workers = new Workers(threads);
        storage = new CpuStorage(workers);
        algebra = new CpuLinearAlgebra(workers);
        coding = new CpuSparseCoding(workers);
        decoding = new CpuDecoding(workers);
    }

    @Override
    public String identity() {
        return "cpu," + openblas.OPENBLAS_VERSION + "," + threads + " threads";
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public long allocatedBytes() {
        return allocated.get();
    }

    @Override
    public Matrix allocate(int rows, int cols, DType dtype) {
        return new CpuMatrix(rows, cols, dtype, allocated);
    }

    @Override
    public SparseMatrix upload(Codes codes) {
        return new CpuCodes(codes, allocated);
    }

    @Override
    public void write(Matrix matrix, float[] values) {
        single("write", matrix);
        require(values.length == size(matrix), "write", values.length + " values fill the matrix", matrix);
        storage.write(CpuMatrix.of(matrix), values);
    }

    @Override
    public void write(Matrix matrix, double[] values) {
        require(matrix.dtype() == DType.F64, "write", "doubles fill an F64 matrix", matrix);
        require(values.length == size(matrix), "write", values.length + " values fill the matrix", matrix);
        storage.write(CpuMatrix.of(matrix), values);
    }

    @Override
    public float[] readFloats(Matrix matrix) {
        single("readFloats", matrix);
        return storage.readFloats(CpuMatrix.of(matrix));
    }

    @Override
    public double[] readDoubles(Matrix matrix) {
        require(matrix.dtype() == DType.F64, "readDoubles", "the matrix is F64", matrix);
        return storage.readDoubles(CpuMatrix.of(matrix));
    }

    @Override
    public void load(Matrix matrix, ByteBuffer stored, DType type) {
        require(type.isFloat(), "load", type + " is a float type", matrix);
        require(
                stored.remaining() == size(matrix) * type.bytes(),
                "load",
                stored.remaining() + " bytes of " + type + " fill the matrix",
                matrix);
        storage.load(CpuMatrix.of(matrix), stored, type);
    }

    @Override
    public void copy(Matrix from, Matrix to) {
        sameShape("copy", from, to);
        storage.copy(CpuMatrix.of(from), CpuMatrix.of(to));
    }

    @Override
    public void gatherRows(Matrix from, int[] indices, Matrix to) {
        sameType("gatherRows", from, to);
        require(
                from.cols() == to.cols() && indices.length == to.rows(),
                "gatherRows",
                indices.length + " rows of the first fill the second",
                from,
                to);
        checkIndices(indices, from.rows());
        storage.gatherRows(CpuMatrix.of(from), indices, CpuMatrix.of(to));
    }

    @Override
    public void scatterRows(Matrix from, int[] indices, Matrix to) {
        sameType("scatterRows", from, to);
        require(
                from.cols() == to.cols() && indices.length == from.rows(),
                "scatterRows",
                indices.length + " rows of the second receive the first",
                from,
                to);
        checkIndices(indices, to.rows());
        storage.scatterRows(CpuMatrix.of(from), indices, CpuMatrix.of(to));
    }

    @Override
    public void transpose(Matrix from, Matrix to) {
        sameType("transpose", from, to);
        require(
                from != to && from.rows() == to.cols() && from.cols() == to.rows(),
                "transpose",
                "the second has the first's shape turned",
                from,
                to);
        storage.transpose(CpuMatrix.of(from), CpuMatrix.of(to));
    }

    @Override
    public void fill(Matrix matrix, double value) {
        storage.fill(CpuMatrix.of(matrix), value);
    }

    @Override
    public void gemm(double alpha, Matrix a, boolean transposeA, Matrix b, boolean transposeB, double beta, Matrix c) {
        sameType("gemm", a, b, c);
        int m = transposeA ? a.cols() : a.rows();
        int inner = transposeA ? a.rows() : a.cols();
        int n = transposeB ? b.rows() : b.cols();
        require(
                c != a && c != b && inner == (transposeB ? b.cols() : b.rows()) && c.rows() == m && c.cols() == n,
                "gemm",
                "op(a) (m, i) · op(b) (i, n) = c (m, n), c apart, with transposed a " + transposeA + ", b "
                        + transposeB,
                a,
                b,
                c);
        algebra.gemm(alpha, CpuMatrix.of(a), transposeA, CpuMatrix.of(b), transposeB, beta, CpuMatrix.of(c));
    }

    @Override
    public void addGram(Matrix x, Matrix gram) {
        single("addGram", x);
        require(
                gram.dtype() == DType.F64 && gram.rows() == x.cols() && gram.cols() == x.cols(),
                "addGram",
                "x (n, d) F32 adds to gram (d, d) F64",
                x,
                gram);
        algebra.addGram(CpuMatrix.of(x), CpuMatrix.of(gram));
    }

    @Override
    public void axpy(double alpha, Matrix x, Matrix y) {
        sameType("axpy", x, y);
        sameShape("axpy", x, y);
        algebra.axpy(alpha, CpuMatrix.of(x), CpuMatrix.of(y));
    }

    @Override
    public void scale(double alpha, Matrix matrix) {
        algebra.scale(alpha, CpuMatrix.of(matrix));
    }

    @Override
    public void scaleRows(Matrix matrix, Matrix factors) {
        sameType("scaleRows", matrix, factors);
        vector("scaleRows", factors, matrix.rows(), matrix);
        algebra.scaleRows(CpuMatrix.of(matrix), CpuMatrix.of(factors));
    }

    @Override
    public void scaleColumns(Matrix matrix, Matrix factors) {
        sameType("scaleColumns", matrix, factors);
        vector("scaleColumns", factors, matrix.cols(), matrix);
        algebra.scaleColumns(CpuMatrix.of(matrix), CpuMatrix.of(factors));
    }

    @Override
    public void rowDots(Matrix a, Matrix b, Matrix out) {
        sameType("rowDots", a, b, out);
        sameShape("rowDots", a, b);
        vector("rowDots", out, a.rows(), a);
        algebra.rowDots(CpuMatrix.of(a), CpuMatrix.of(b), CpuMatrix.of(out));
    }

    @Override
    public double dot(Matrix a, Matrix b) {
        sameType("dot", a, b);
        sameShape("dot", a, b);
        return algebra.dot(CpuMatrix.of(a), CpuMatrix.of(b));
    }

    @Override
    public void diagonal(Matrix matrix, Matrix out) {
        sameType("diagonal", matrix, out);
        square("diagonal", matrix);
        vector("diagonal", out, matrix.rows(), matrix);
        algebra.diagonal(CpuMatrix.of(matrix), CpuMatrix.of(out));
    }

    @Override
    public void addToDiagonal(Matrix matrix, double value) {
        square("addToDiagonal", matrix);
        algebra.addToDiagonal(CpuMatrix.of(matrix), value);
    }

    @Override
    public boolean cholesky(Matrix matrix) {
        square("cholesky", matrix);
        return algebra.cholesky(CpuMatrix.of(matrix));
    }

    @Override
    public void solveCholesky(Matrix factor, Matrix b) {
        solveTriangular(factor, false, b);
        solveTriangular(factor, true, b);
    }

    @Override
    public void solveTriangular(Matrix factor, boolean transposed, Matrix b) {
        sameType("solveTriangular", factor, b);
        square("solveTriangular", factor);
        require(factor.rows() == b.rows(), "solveTriangular", "factor (n, n), b (n, m)", factor, b);
        algebra.solveTriangular(CpuMatrix.of(factor), transposed, CpuMatrix.of(b));
    }

    @Override
    public double[] eigenSymmetric(Matrix matrix) {
        square("eigenSymmetric", matrix);
        return algebra.eigenSymmetric(CpuMatrix.of(matrix));
    }

    @Override
    public void keepLargest(Matrix matrix, int s) {
        single("keepLargest", matrix);
        require(s >= 0 && s <= matrix.cols(), "keepLargest", "0 <= s = " + s + " <= columns", matrix);
        coding.keepLargest(CpuMatrix.of(matrix), s);
    }

    @Override
    public void restrictTo(Matrix pattern, Matrix values, Matrix out) {
        single("restrictTo", pattern, values, out);
        sameShape("restrictTo", pattern, values, out);
        coding.restrictTo(CpuMatrix.of(pattern), CpuMatrix.of(values), CpuMatrix.of(out));
    }

    @Override
    public void hardThresholdStep(Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int s) {
        single("hardThresholdStep", codes, residual, gradient, curvature);
        sameShape("hardThresholdStep", codes, residual, gradient, curvature);
        require(s >= 0 && s <= codes.cols(), "hardThresholdStep", "0 <= s = " + s + " <= columns", codes);
        coding.hardThresholdStep(
                CpuMatrix.of(codes), CpuMatrix.of(residual), CpuMatrix.of(gradient), CpuMatrix.of(curvature), s);
    }

    @Override
    public void orthogonalMatchingPursuit(Matrix gram, Matrix correlations, int s, Matrix codes) {
        single("orthogonalMatchingPursuit", gram, correlations, codes);
        square("orthogonalMatchingPursuit", gram);
        sameShape("orthogonalMatchingPursuit", correlations, codes);
        require(
                codes.cols() == gram.rows() && s >= 1 && s <= codes.cols(),
                "orthogonalMatchingPursuit",
                "gram (k, k), correlations (d2, k), 1 <= s = " + s + " <= k",
                gram,
                correlations);
        coding.orthogonalMatchingPursuit(CpuMatrix.of(gram), CpuMatrix.of(correlations), s, CpuMatrix.of(codes));
    }

    @Override
    public void multiplyCodes(Matrix z, SparseMatrix codes, Matrix out) {
        single("multiplyCodes", z, out);
        require(
                z.cols() == codes.cols() && out.rows() == z.rows() && out.cols() == codes.rows(),
                "multiplyCodes",
                "z (N, k), codes (" + codes.rows() + ", " + codes.cols() + "), out (N, d2)",
                z,
                out);
        decoding.multiplyCodes(CpuMatrix.of(z), CpuCodes.of(codes), CpuMatrix.of(out));
    }

    @Override
    public void rmsNorm(Matrix x, Matrix weight, double eps, Matrix out) {
        single("rmsNorm", x, weight, out);
        sameShape("rmsNorm", x, out);
        require(
                weight.rows() == 1 && weight.cols() > 0 && x.cols() % weight.cols() == 0,
                "rmsNorm",
                "x's columns are a multiple of the weight's",
                x,
                weight);
        decoding.rmsNorm(CpuMatrix.of(x), CpuMatrix.of(weight), eps, CpuMatrix.of(out));
    }

    @Override
    public void rotate(Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        single("rotate", x, cos, sin);
        sameShape("rotate", cos, sin);
        require(
                firstPosition >= 0
                        && (long) firstPosition + x.rows() <= cos.rows()
                        && cos.cols() > 0
                        && x.cols() % (2 * cos.cols()) == 0,
                "rotate",
                "x (N, heads · headDim) at positions from " + firstPosition + ", tables (positions, headDim / 2)",
                x,
                cos);
        decoding.rotate(CpuMatrix.of(x), CpuMatrix.of(cos), CpuMatrix.of(sin), firstPosition);
    }

    @Override
    public void attention(
            Matrix queries,
            Matrix keys,
            Matrix values,
            int heads,
            int headDim,
            int firstPosition,
            int window,
            Matrix out) {
        single("attention", queries, keys, values, out);
        sameShape("attention", queries, out);
        sameShape("attention", keys, values);
        require(
                heads > 0
                        && headDim > 0
                        && queries.cols() == heads * headDim
                        && keys.cols() > 0
                        && keys.cols() % headDim == 0
                        && heads % (keys.cols() / headDim) == 0
                        && firstPosition >= 0
                        && (long) firstPosition + queries.rows() <= keys.rows()
                        && window >= 1
                        && out != queries,
                "attention",
                "queries (N, " + heads + " · " + headDim + ") at positions from " + firstPosition
                        + ", keys (positions, kvHeads · headDim), window " + window + " >= 1, out apart",
                queries,
                keys);
        decoding.attention(
                CpuMatrix.of(queries),
                CpuMatrix.of(keys),
                CpuMatrix.of(values),
                heads,
                headDim,
                firstPosition,
                window,
                CpuMatrix.of(out));
    }

    @Override
    public void siluMultiply(Matrix gate, Matrix up) {
        single("siluMultiply", gate, up);
        sameShape("siluMultiply", gate, up);
        decoding.siluMultiply(CpuMatrix.of(gate), CpuMatrix.of(up));
    }

    @Override
    public void addBias(Matrix x, Matrix bias) {
        single("addBias", x, bias);
        vector("addBias", bias, x.cols(), x);
        decoding.addBias(CpuMatrix.of(x), CpuMatrix.of(bias));
    }

    @Override
    public void logSoftmax(Matrix logits) {
        single("logSoftmax", logits);
        decoding.logSoftmax(CpuMatrix.of(logits));
    }

    @Override
    public double[] negativeLogLikelihood(Matrix logits, int[] targets) {
        single("negativeLogLikelihood", logits);
        require(targets.length == logits.rows(), "negativeLogLikelihood", targets.length + " targets", logits);
        checkIndices(targets, logits.cols());
        return decoding.negativeLogLikelihood(CpuMatrix.of(logits), targets);
    }

    @Override
    public double[] klDivergence(Matrix logP, Matrix logQ) {
        single("klDivergence", logP, logQ);
        sameShape("klDivergence", logP, logQ);
        return decoding.klDivergence(CpuMatrix.of(logP), CpuMatrix.of(logQ));
    }

    @Override
    public int[] argmax(Matrix matrix) {
        single("argmax", matrix);
        require(matrix.cols() > 0, "argmax", "at least one column", matrix);
        return decoding.argmax(CpuMatrix.of(matrix));
    }

    private static long size(Matrix matrix) {
        return (long) matrix.rows() * matrix.cols();
    }

    private static void checkIndices(int[] indices, int bound) {
        for (int index : indices) {
            Objects.checkIndex(index, bound);
        }
    }

    @Override
    public void close() {
        workers.close();
    }

    @Override
    public void gatherColumn(Matrix from, int column, int[] rows, Matrix to) {
        sameType("gatherColumn", from, to);
        vector("gatherColumn", to, rows.length, from);
        Objects.checkIndex(column, from.cols());
        checkIndices(rows, from.rows());
        storage.gatherColumn(CpuMatrix.of(from), column, rows, CpuMatrix.of(to));
    }

    @Override
    public void scatterColumn(Matrix from, int[] rows, Matrix to, int column) {
        sameType("scatterColumn", from, to);
        vector("scatterColumn", from, rows.length, to);
        Objects.checkIndex(column, to.cols());
        checkIndices(rows, to.rows());
        storage.scatterColumn(CpuMatrix.of(from), rows, CpuMatrix.of(to), column);
    }

    @Override
    public void symmetricProduct(Matrix a, boolean transposed, Matrix c) {
        sameType("symmetricProduct", a, c);
        square("symmetricProduct", c);
        require(
                c != a && c.rows() == (transposed ? a.cols() : a.rows()),
                "symmetricProduct",
                "c (n, n) <- a aᵀ, transposed " + transposed,
                a,
                c);
        algebra.symmetricProduct(CpuMatrix.of(a), transposed, CpuMatrix.of(c));
    }

    @Override
    public void axpyRows(Matrix factors, Matrix x, Matrix y) {
        sameType("axpyRows", factors, x, y);
        sameShape("axpyRows", x, y);
        vector("axpyRows", factors, x.rows(), x);
        algebra.axpyRows(CpuMatrix.of(factors), CpuMatrix.of(x), CpuMatrix.of(y));
    }

    @Override
    public void power(Matrix values, double exponent, Matrix out) {
        sameType("power", values, out);
        sameShape("power", values, out);
        algebra.power(CpuMatrix.of(values), exponent, CpuMatrix.of(out));
    }

    @Override
    public void ratio(Matrix numerators, Matrix denominators, Matrix out) {
        sameType("ratio", numerators, denominators, out);
        sameShape("ratio", numerators, denominators, out);
        algebra.ratio(CpuMatrix.of(numerators), CpuMatrix.of(denominators), CpuMatrix.of(out));
    }

    @Override
    public double smallest(Matrix matrix) {
        return algebra.smallest(CpuMatrix.of(matrix));
    }

    @Override
    public int[][] rowsUsing(Matrix codes) {
        single("rowsUsing", codes);
        return coding.rowsUsing(CpuMatrix.of(codes));
    }
}
