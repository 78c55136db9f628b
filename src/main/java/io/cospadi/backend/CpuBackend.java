package io.cospadi.backend;

import static io.cospadi.backend.Shapes.own;
import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireF32;
import static io.cospadi.backend.Shapes.requireSame;
import static io.cospadi.backend.Shapes.requireSameShape;
import static io.cospadi.backend.Shapes.requireSquare;
import static io.cospadi.backend.Shapes.requireVector;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The verbs on the processor: native memory outside the Java heap, products by OpenBLAS, the rest by loops over arrays.
 *
 * <p>This class checks shapes and hands on; the arithmetic is in the package's other classes. A fixed set of
 * {@code threads} workers, the caller among them, shares out every verb, and each OpenBLAS call runs on the one worker that
 * makes it, so there are never more busy threads than asked for. How work is cut depends on shapes and thread count alone:
 * equal inputs give equal bits for one thread count.
 */
public final class CpuBackend implements Backend {
    private final AtomicLong allocated = new AtomicLong();
    private final String identity;
    private final Workers workers;
    private final Transfers transfers;
    private final Elementwise elementwise;
    private final Reductions reductions;
    private final DenseProducts products;
    private final SymmetricProducts symmetric;
    private final Triangular triangular;
    private final SymmetricEigen eigen;
    private final HardThreshold threshold;
    private final MatchingPursuit pursuit;
    private final CodeProducts codeProducts;
    private final Rotary rotary;
    private final Attention attention;

    /**
     * @param threads workers, 1 or more, the caller counted
     * @throws CospadiException if OpenBLAS cannot be loaded
     */
    public CpuBackend(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("a backend needs 1 thread or more, got " + threads);
        }
        identity = "cpu " + OpenBlas.identity() + " threads " + threads;
        workers = new Workers(threads);
        transfers = new Transfers(workers);
        elementwise = new Elementwise(workers);
        reductions = new Reductions(workers);
        products = new DenseProducts(workers);
        symmetric = new SymmetricProducts(workers);
        triangular = new Triangular(workers);
        eigen = new SymmetricEigen(workers);
        threshold = new HardThreshold(workers);
        pursuit = new MatchingPursuit(workers);
        codeProducts = new CodeProducts(workers);
        rotary = new Rotary(workers);
        attention = new Attention(workers);
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public String name() {
        return "cpu";
    }

    /** Workers that share out every verb. */
    public int threads() {
        return workers.threads();
    }

    @Override
    public long allocatedBytes() {
        return allocated.get();
    }

    /** Ends the workers; matrices stay their owners' to close. */
    @Override
    public void close() {
        workers.close();
    }

    // ---- storage ----

    @Override
    public Matrix allocate(int rows, int cols, DType dtype) {
        return NativeMatrix.allocate(rows, cols, dtype, allocated);
    }

    @Override
    public SparseMatrix upload(Codes codes) {
        return new PackedCodeMatrix(codes, allocated);
    }

    @Override
    public void write(Matrix matrix, float[] values) {
        NativeMatrix to = own(matrix);
        requireF32("write", to);
        require(to.elements() == values.length, "write", "as many values as elements", to, values.length + " values");
        transfers.write(to, values);
    }

    @Override
    public void write(Matrix matrix, double[] values) {
        NativeMatrix to = own(matrix);
        require(!to.isF32(), "write", "an F64 matrix for doubles", to);
        require(to.elements() == values.length, "write", "as many values as elements", to, values.length + " values");
        transfers.write(to, values);
    }

    @Override
    public float[] readFloats(Matrix matrix) {
        NativeMatrix from = own(matrix);
        requireF32("readFloats", from);
        return transfers.readFloats(from);
    }

    @Override
    public double[] readDoubles(Matrix matrix) {
        NativeMatrix from = own(matrix);
        require(!from.isF32(), "readDoubles", "an F64 matrix", from);
        return transfers.readDoubles(from);
    }

    @Override
    public void load(Matrix matrix, ByteBuffer stored, DType type) {
        NativeMatrix to = own(matrix);
        require(type.isFloat(), "load", "F64, F32, F16 or BF16 elements", type, to);
        require(
                to.elements() * type.bytes() == stored.remaining(),
                "load",
                "exactly the matrix's elements",
                to,
                stored.remaining() + " bytes of " + type);
        transfers.load(to, stored, type);
    }

    @Override
    public void copy(Matrix from, Matrix to) {
        NativeMatrix source = own(from);
        NativeMatrix target = own(to);
        requireSameShape("copy", source, target);
        requireApart("copy", target, source);
        transfers.copy(source, target);
    }

    @Override
    public void gatherRows(Matrix from, int[] indices, Matrix to) {
        NativeMatrix source = own(from);
        NativeMatrix target = own(to);
        requireRows("gatherRows", source, target);
        requireApart("gatherRows", target, source);
        requireIndices("gatherRows", indices, target, source);
        transfers.gatherRows(source, indices, target);
    }

    @Override
    public void scatterRows(Matrix from, int[] indices, Matrix to) {
        NativeMatrix source = own(from);
        NativeMatrix target = own(to);
        requireRows("scatterRows", source, target);
        requireApart("scatterRows", target, source);
        requireIndices("scatterRows", indices, source, target);
        transfers.scatterRows(source, indices, target);
    }

    private static void requireRows(String verb, NativeMatrix from, NativeMatrix to) {
        require(from.cols() == to.cols() && from.dtype() == to.dtype(), verb, "equal columns and types", from, to);
    }

    private static void requireIndices(String verb, int[] indices, NativeMatrix oneEach, NativeMatrix into) {
        require(indices.length == oneEach.rows(), verb, "one index a row", indices.length + " indices", oneEach, into);
        for (int index : indices) {
            require(0 <= index && index < into.rows(), verb, "indices of rows", index, into);
        }
    }

    @Override
    public void gatherColumn(Matrix from, int column, int[] rows, Matrix to) {
        NativeMatrix source = own(from);
        NativeMatrix target = own(to);
        requireColumn("gatherColumn", source, column, rows, target);
        transfers.gatherColumn(source, column, rows, target);
    }

    @Override
    public void scatterColumn(Matrix from, int[] rows, Matrix to, int column) {
        NativeMatrix source = own(from);
        NativeMatrix target = own(to);
        requireColumn("scatterColumn", target, column, rows, source);
        transfers.scatterColumn(source, rows, target, column);
    }

    private static void requireColumn(String verb, NativeMatrix matrix, int column, int[] rows, NativeMatrix vector) {
        requireVector(verb, vector, rows.length, matrix.dtype(), matrix);
        require(0 <= column && column < matrix.cols(), verb, "a column inside", "column " + column, matrix, vector);
        for (int row : rows) {
            require(0 <= row && row < matrix.rows(), verb, "rows inside", "row " + row, matrix, vector);
        }
        requireApart(verb, matrix, vector);
    }

    @Override
    public void transpose(Matrix from, Matrix to) {
        NativeMatrix source = own(from);
        NativeMatrix target = own(to);
        require(
                source.rows() == target.cols() && source.cols() == target.rows() && source.dtype() == target.dtype(),
                "transpose",
                "(rows, cols) and (cols, rows) of one type",
                source,
                target);
        requireApart("transpose", target, source);
        transfers.transpose(source, target);
    }

    @Override
    public void fill(Matrix matrix, double value) {
        transfers.fill(own(matrix), value);
    }

    // ---- linear algebra ----

    @Override
    public void gemm(double alpha, Matrix a, boolean transposeA, Matrix b, boolean transposeB, double beta, Matrix c) {
        NativeMatrix left = own(a);
        NativeMatrix right = own(b);
        NativeMatrix out = own(c);
        int m = transposeA ? left.cols() : left.rows();
        int inner = transposeA ? left.rows() : left.cols();
        int innerRight = transposeB ? right.cols() : right.rows();
        int n = transposeB ? right.rows() : right.cols();
        require(
                inner == innerRight
                        && out.rows() == m
                        && out.cols() == n
                        && left.dtype() == right.dtype()
                        && left.dtype() == out.dtype(),
                "gemm",
                "op(a) (m, l), op(b) (l, n), c (m, n) of one type",
                left + (transposeA ? " transposed" : ""),
                right + (transposeB ? " transposed" : ""),
                out);
        requireApart("gemm", out, left);
        requireApart("gemm", out, right);
        products.gemm(alpha, left, transposeA, right, transposeB, beta, out);
    }

    @Override
    public void symmetricProduct(Matrix a, boolean transposed, Matrix c) {
        NativeMatrix from = own(a);
        NativeMatrix out = own(c);
        int n = transposed ? from.cols() : from.rows();
        require(
                out.rows() == n && out.cols() == n && from.dtype() == out.dtype(),
                "symmetricProduct",
                "op(a) (n, m) and c (n, n) of one type",
                from + (transposed ? " transposed" : ""),
                out);
        requireApart("symmetricProduct", out, from);
        symmetric.multiply(from, transposed, out);
    }

    @Override
    public void addGram(Matrix x, Matrix gram) {
        NativeMatrix from = own(x);
        NativeMatrix to = own(gram);
        require(
                from.isF32() && !to.isF32() && to.rows() == from.cols() && to.cols() == from.cols(),
                "addGram",
                "x (n, d) F32 and gram (d, d) F64",
                from,
                to);
        symmetric.addGram(from, to);
    }

    @Override
    public void axpy(double alpha, Matrix x, Matrix y) {
        NativeMatrix from = own(x);
        NativeMatrix to = own(y);
        requireSame("axpy", from, to);
        elementwise.axpy(alpha, from, to);
    }

    @Override
    public void scale(double alpha, Matrix matrix) {
        elementwise.scale(alpha, own(matrix));
    }

    @Override
    public void scaleRows(Matrix matrix, Matrix factors) {
        NativeMatrix scaled = own(matrix);
        NativeMatrix each = own(factors);
        requireVector("scaleRows", each, scaled.rows(), scaled.dtype(), scaled);
        elementwise.scaleRows(scaled, each);
    }

    @Override
    public void scaleColumns(Matrix matrix, Matrix factors) {
        NativeMatrix scaled = own(matrix);
        NativeMatrix each = own(factors);
        requireVector("scaleColumns", each, scaled.cols(), scaled.dtype(), scaled);
        elementwise.scaleColumns(scaled, each);
    }

    @Override
    public void axpyRows(Matrix factors, Matrix x, Matrix y) {
        NativeMatrix each = own(factors);
        NativeMatrix from = own(x);
        NativeMatrix to = own(y);
        requireSame("axpyRows", from, to);
        requireVector("axpyRows", each, from.rows(), from.dtype(), from);
        elementwise.axpyRows(each, from, to);
    }

    @Override
    public void power(Matrix values, double exponent, Matrix out) {
        NativeMatrix from = own(values);
        NativeMatrix to = own(out);
        requireSame("power", from, to);
        elementwise.power(from, exponent, to);
    }

    @Override
    public void ratio(Matrix numerators, Matrix denominators, Matrix out) {
        NativeMatrix above = own(numerators);
        NativeMatrix below = own(denominators);
        NativeMatrix to = own(out);
        requireSame("ratio", above, below);
        requireSame("ratio", above, to);
        elementwise.ratio(above, below, to);
    }

    @Override
    public double smallest(Matrix matrix) {
        return reductions.smallest(own(matrix));
    }

    @Override
    public void rowDots(Matrix a, Matrix b, Matrix out) {
        NativeMatrix left = own(a);
        NativeMatrix right = own(b);
        NativeMatrix sums = own(out);
        requireSame("rowDots", left, right);
        requireVector("rowDots", sums, left.rows(), left.dtype(), left);
        reductions.rowDots(left, right, sums);
    }

    @Override
    public double dot(Matrix a, Matrix b) {
        NativeMatrix left = own(a);
        NativeMatrix right = own(b);
        requireSame("dot", left, right);
        return reductions.dot(left, right);
    }

    @Override
    public void diagonal(Matrix matrix, Matrix out) {
        NativeMatrix square = own(matrix);
        NativeMatrix to = own(out);
        require(square.rows() == square.cols(), "diagonal", "a square matrix", square, to);
        requireVector("diagonal", to, square.rows(), square.dtype(), square);
        elementwise.diagonal(square, to);
    }

    @Override
    public void addToDiagonal(Matrix matrix, double value) {
        NativeMatrix square = own(matrix);
        requireSquare("addToDiagonal", square);
        elementwise.addToDiagonal(square, value);
    }

    @Override
    public boolean cholesky(Matrix matrix) {
        NativeMatrix square = own(matrix);
        requireSquare("cholesky", square);
        return triangular.cholesky(square);
    }

    @Override
    public void solveCholesky(Matrix factor, Matrix b) {
        NativeMatrix triangle = own(factor);
        NativeMatrix sides = own(b);
        requireSolve("solveCholesky", triangle, sides);
        triangular.solve(triangle, false, sides);
        triangular.solve(triangle, true, sides);
    }

    @Override
    public void solveTriangular(Matrix factor, boolean transposed, Matrix b) {
        NativeMatrix triangle = own(factor);
        NativeMatrix sides = own(b);
        requireSolve("solveTriangular", triangle, sides);
        triangular.solve(triangle, transposed, sides);
    }

    private static void requireSolve(String verb, NativeMatrix factor, NativeMatrix b) {
        require(
                factor.rows() == factor.cols() && factor.rows() == b.rows() && factor.dtype() == b.dtype(),
                verb,
                "a factor (n, n) and right-hand sides (n, m) of one type",
                factor,
                b);
        requireApart(verb, b, factor);
    }

    @Override
    public double[] eigenSymmetric(Matrix matrix) {
        NativeMatrix square = own(matrix);
        requireSquare("eigenSymmetric", square);
        return eigen.decompose(square);
    }

    // ---- sparse coding ----

    @Override
    public void keepLargest(Matrix matrix, int s) {
        NativeMatrix thinned = own(matrix);
        requireF32("keepLargest", thinned);
        require(0 <= s && s <= thinned.cols(), "keepLargest", "0 <= s <= cols", "s=" + s, thinned);
        threshold.keepLargest(thinned, s);
    }

    @Override
    public void restrictTo(Matrix pattern, Matrix values, Matrix out) {
        NativeMatrix kept = own(pattern);
        NativeMatrix from = own(values);
        NativeMatrix to = own(out);
        requireF32("restrictTo", kept, from, to);
        requireSame("restrictTo", kept, from);
        requireSame("restrictTo", kept, to);
        elementwise.restrictTo(kept, from, to);
    }

    @Override
    public int[][] rowsUsing(Matrix codes) {
        NativeMatrix from = own(codes);
        requireF32("rowsUsing", from);
        return HardThreshold.rowsUsing(from);
    }

    @Override
    public void hardThresholdStep(Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int s) {
        NativeMatrix updated = own(codes);
        NativeMatrix r = own(residual);
        NativeMatrix g = own(gradient);
        NativeMatrix c = own(curvature);
        requireF32("hardThresholdStep", updated, r, g, c);
        requireSame("hardThresholdStep", updated, r);
        requireSame("hardThresholdStep", updated, g);
        requireSame("hardThresholdStep", updated, c);
        require(0 <= s && s <= updated.cols(), "hardThresholdStep", "0 <= s <= k", "s=" + s, updated);
        threshold.step(updated, r, g, c, s);
    }

    @Override
    public void orthogonalMatchingPursuit(Matrix gram, Matrix correlations, int s, Matrix codes) {
        NativeMatrix m = own(gram);
        NativeMatrix b = own(correlations);
        NativeMatrix out = own(codes);
        String verb = "orthogonalMatchingPursuit";
        requireF32(verb, m, b, out);
        require(
                m.rows() == m.cols() && b.cols() == m.cols() && out.rows() == b.rows() && out.cols() == b.cols(),
                verb,
                "a Gram (k, k), correlations (d2, k) and codes (d2, k)",
                m,
                b,
                out);
        require(1 <= s && s <= m.rows(), verb, "1 <= s <= k", "s=" + s, m, b);
        requireApart(verb, out, b);
        requireApart(verb, out, m);
        pursuit.run(m, b, s, out);
    }

    // ---- decoder ----

    @Override
    public void multiplyCodes(Matrix z, SparseMatrix codes, Matrix out) {
        NativeMatrix tokens = own(z);
        PackedCodeMatrix packed = own(codes);
        NativeMatrix to = own(out);
        requireF32("multiplyCodes", tokens, to);
        require(
                tokens.cols() == packed.cols() && to.rows() == tokens.rows() && to.cols() == packed.rows(),
                "multiplyCodes",
                "z (N, k), codes (d2, k), out (N, d2)",
                tokens,
                packed.shape(),
                to);
        requireApart("multiplyCodes", to, tokens);
        codeProducts.multiply(tokens, packed, to);
    }

    @Override
    public void rmsNorm(Matrix x, Matrix weight, double eps, Matrix out) {
        NativeMatrix from = own(x);
        NativeMatrix gain = own(weight);
        NativeMatrix to = own(out);
        requireF32("rmsNorm", from, gain, to);
        requireSame("rmsNorm", from, to);
        require(
                gain.rows() == 1 && gain.cols() > 0 && from.cols() % gain.cols() == 0,
                "rmsNorm",
                "a (1, n) weight whose n divides the columns",
                gain,
                from);
        rotary.rmsNorm(from, gain, eps, to);
    }

    @Override
    public void rotate(Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        NativeMatrix turned = own(x);
        NativeMatrix c = own(cos);
        NativeMatrix s = own(sin);
        requireF32("rotate", turned, c, s);
        requireSame("rotate", c, s);
        require(
                c.cols() > 0
                        && turned.cols() % (2 * c.cols()) == 0
                        && firstPosition >= 0
                        && (long) firstPosition + turned.rows() <= c.rows(),
                "rotate",
                "x (N, heads · headDim) and tables (positions, headDim / 2) that reach position " + firstPosition
                        + " + N - 1",
                turned,
                c);
        rotary.rotate(turned, c, s, firstPosition);
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
        NativeMatrix q = own(queries);
        NativeMatrix k = own(keys);
        NativeMatrix v = own(values);
        NativeMatrix to = own(out);
        requireF32("attention", q, k, v, to);
        requireSame("attention", q, to);
        requireSame("attention", k, v);
        require(
                heads >= 1
                        && headDim >= 1
                        && q.cols() == (long) heads * headDim
                        && k.cols() >= headDim
                        && k.cols() % headDim == 0
                        && heads % (k.cols() / headDim) == 0
                        && firstPosition >= 0
                        && window >= 1
                        && (long) firstPosition + q.rows() <= k.rows(),
                "attention",
                "queries (N, heads · headDim) and keys (positions, kvHeads · headDim), kvHeads a divisor of heads, "
                        + "positions >= firstPosition + N, window >= 1",
                q,
                k,
                "heads=" + heads,
                "headDim=" + headDim,
                "firstPosition=" + firstPosition,
                "window=" + window);
        requireApart("attention", to, q);
        requireApart("attention", to, k);
        requireApart("attention", to, v);
        attention.run(q, k, v, heads, headDim, firstPosition, window, to);
    }

    @Override
    public void siluMultiply(Matrix gate, Matrix up) {
        NativeMatrix g = own(gate);
        NativeMatrix u = own(up);
        requireF32("siluMultiply", g, u);
        requireSame("siluMultiply", g, u);
        elementwise.siluMultiply(g, u);
    }

    @Override
    public void addBias(Matrix x, Matrix bias) {
        NativeMatrix to = own(x);
        NativeMatrix added = own(bias);
        requireF32("addBias", to, added);
        requireVector("addBias", added, to.cols(), to.dtype(), to);
        elementwise.addBias(to, added);
    }

    @Override
    public void logSoftmax(Matrix logits) {
        NativeMatrix x = own(logits);
        requireF32("logSoftmax", x);
        reductions.logSoftmax(x);
    }

    @Override
    public double[] negativeLogLikelihood(Matrix logits, int[] targets) {
        NativeMatrix x = own(logits);
        requireF32("negativeLogLikelihood", x);
        require(targets.length == x.rows(), "negativeLogLikelihood", "a target a row", targets.length + " targets", x);
        for (int target : targets) {
            require(0 <= target && target < x.cols(), "negativeLogLikelihood", "targets among columns", target, x);
        }
        return reductions.negativeLogLikelihood(x, targets);
    }

    @Override
    public double[] klDivergence(Matrix logP, Matrix logQ) {
        NativeMatrix p = own(logP);
        NativeMatrix q = own(logQ);
        requireF32("klDivergence", p, q);
        requireSame("klDivergence", p, q);
        return reductions.klDivergence(p, q);
    }

    @Override
    public int[] argmax(Matrix matrix) {
        NativeMatrix x = own(matrix);
        require(x.cols() > 0 || x.rows() == 0, "argmax", "columns to choose from", x);
        return reductions.argmax(x);
    }
}
