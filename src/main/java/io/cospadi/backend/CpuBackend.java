package io.cospadi.backend;

import static io.cospadi.backend.NativeMatrix.own;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;

/**
 * The verbs on the processor: native memory outside the Java heap, products by OpenBLAS, the rest by loops over arrays.
 *
 * <p>This class has arguments checked and hands on; the arithmetic is in the package's other classes. A fixed set of
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
    private final ConjugateGradients conjugateGradients;
    private final AtomNormalization normalization;
    private final CodeSweep codeSweep;
    private final AtomUpdates atomUpdates;
    private final LevelRounding levelRounding;
    private final CodeProducts codeProducts;
    private final Rotary rotary;
    private final Attention attention;
    private final AttentionGradient attentionGradient;
    private final RowGradients rowGradients;
    private final Nucleus nucleus;
    private MemoryRate memoryRate;

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
        conjugateGradients = new ConjugateGradients(transfers, elementwise, reductions, allocated);
        normalization = new AtomNormalization(elementwise, reductions, allocated);
        codeSweep = new CodeSweep(workers);
        atomUpdates = new AtomUpdates(transfers, elementwise, reductions, products, allocated);
        levelRounding = new LevelRounding(workers);
        codeProducts = new CodeProducts(workers);
        rotary = new Rotary(workers);
        attention = new Attention(workers);
        attentionGradient = new AttentionGradient(workers, transfers);
        rowGradients = new RowGradients(workers);
        nucleus = new Nucleus(workers);
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public double memoryRate() {
        if (memoryRate == null) {
            memoryRate = new MemoryRate(threads());
        }
        return memoryRate.measure();
    }

    @Override
    public void onHost(int count, IntConsumer task) {
        workers.run(count, (number, scratch) -> task.accept(number));
    }

    @Override
    public VendorProducts vendorProducts() {
        return new OpenBlasProducts(this);
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
        StorageChecks.allocate(rows, cols, dtype);
        return NativeMatrix.allocate(rows, cols, dtype, allocated);
    }

    @Override
    public SparseMatrix upload(Codes codes) {
        StorageChecks.upload(codes);
        return new PackedCodeMatrix(codes, allocated);
    }

    @Override
    public SparseMatrix duplicate(SparseMatrix codes) {
        return PackedCodeMatrix.own(codes).duplicate(allocated);
    }

    @Override
    public void write(Matrix matrix, float[] values) {
        StorageChecks.write(matrix, values);
        transfers.write(own(matrix), values);
    }

    @Override
    public void write(Matrix matrix, double[] values) {
        StorageChecks.write(matrix, values);
        transfers.write(own(matrix), values);
    }

    @Override
    public void write(Matrix matrix, Codes codes) {
        StorageChecks.write(matrix, codes);
        transfers.write(own(matrix), codes);
    }

    @Override
    public float[] readFloats(Matrix matrix) {
        StorageChecks.readFloats(matrix);
        return transfers.readFloats(own(matrix));
    }

    @Override
    public double[] readDoubles(Matrix matrix) {
        StorageChecks.readDoubles(matrix);
        return transfers.readDoubles(own(matrix));
    }

    @Override
    public Reading read(Matrix scalar) {
        StorageChecks.read(scalar);
        return Reading.of(scalar(scalar));
    }

    @Override
    public void load(Matrix matrix, ByteBuffer stored, DType type) {
        StorageChecks.load(matrix, stored, type);
        transfers.load(own(matrix), stored, type);
    }

    @Override
    public void copy(Matrix from, Matrix to) {
        StorageChecks.copy(from, to);
        transfers.copy(own(from), own(to));
    }

    @Override
    public void gatherRows(Matrix from, int[] indices, Matrix to) {
        StorageChecks.gatherRows(from, indices, to);
        transfers.gatherRows(own(from), indices, own(to));
    }

    @Override
    public void scatterRows(Matrix from, int[] indices, Matrix to) {
        StorageChecks.scatterRows(from, indices, to);
        transfers.scatterRows(own(from), indices, own(to));
    }

    @Override
    public void gatherColumn(Matrix from, int column, int[] rows, Matrix to) {
        StorageChecks.gatherColumn(from, column, rows, to);
        transfers.gatherColumn(own(from), column, rows, own(to));
    }

    @Override
    public void scatterColumn(Matrix from, int[] rows, Matrix to, int column) {
        StorageChecks.scatterColumn(from, rows, to, column);
        transfers.scatterColumn(own(from), rows, own(to), column);
    }

    @Override
    public void transpose(Matrix from, Matrix to) {
        StorageChecks.transpose(from, to);
        transfers.transpose(own(from), own(to));
    }

    @Override
    public void fill(Matrix matrix, double value) {
        transfers.fill(own(matrix), value);
    }

    // ---- linear algebra ----

    @Override
    public void gemm(double alpha, Matrix a, boolean transposeA, Matrix b, boolean transposeB, double beta, Matrix c) {
        LinearAlgebraChecks.gemm(a, transposeA, b, transposeB, c);
        products.gemm(alpha, own(a), transposeA, own(b), transposeB, beta, own(c));
    }

    @Override
    public void symmetricProduct(Matrix a, boolean transposed, Matrix c) {
        LinearAlgebraChecks.symmetricProduct(a, transposed, c);
        symmetric.multiply(own(a), transposed, own(c));
    }

    @Override
    public void addGram(Matrix x, Matrix gram) {
        LinearAlgebraChecks.addGram(x, gram);
        symmetric.addGram(own(x), own(gram));
    }

    @Override
    public void axpy(double alpha, Matrix x, Matrix y) {
        LinearAlgebraChecks.axpy(x, y);
        elementwise.axpy(alpha, own(x), own(y));
    }

    @Override
    public void scale(double alpha, Matrix matrix) {
        elementwise.scale(alpha, own(matrix));
    }

    @Override
    public void axpy(Matrix alpha, Matrix x, Matrix y) {
        LinearAlgebraChecks.axpy(alpha, x, y);
        elementwise.axpy(scalar(alpha), own(x), own(y));
    }

    @Override
    public void scale(Matrix alpha, Matrix matrix) {
        LinearAlgebraChecks.scale(alpha, matrix);
        elementwise.scale(scalar(alpha), own(matrix));
    }

    @Override
    public void copyIfLess(Matrix a, Matrix b, Matrix from, Matrix to) {
        LinearAlgebraChecks.copyIfLess(a, b, from, to);
        if (scalar(a) < scalar(b)) {
            transfers.copy(own(from), own(to));
        }
    }

    private static double scalar(Matrix matrix) {
        return own(matrix).getDouble(0);
    }

    @Override
    public void scaleRows(Matrix matrix, Matrix factors) {
        LinearAlgebraChecks.scaleRows(matrix, factors);
        elementwise.scaleRows(own(matrix), own(factors));
    }

    @Override
    public void scaleColumns(Matrix matrix, Matrix factors) {
        LinearAlgebraChecks.scaleColumns(matrix, factors);
        elementwise.scaleColumns(own(matrix), own(factors));
    }

    @Override
    public void axpyRows(Matrix factors, Matrix x, Matrix y) {
        LinearAlgebraChecks.axpyRows(factors, x, y);
        elementwise.axpyRows(own(factors), own(x), own(y));
    }

    @Override
    public void power(Matrix values, double exponent, Matrix out) {
        LinearAlgebraChecks.power(values, out);
        elementwise.power(own(values), exponent, own(out));
    }

    @Override
    public void ratio(Matrix numerators, Matrix denominators, Matrix out) {
        LinearAlgebraChecks.ratio(numerators, denominators, out);
        elementwise.ratio(own(numerators), own(denominators), own(out));
    }

    @Override
    public void rowDots(Matrix a, Matrix b, Matrix out) {
        LinearAlgebraChecks.rowDots(a, b, out);
        reductions.rowDots(own(a), own(b), own(out));
    }

    @Override
    public double dot(Matrix a, Matrix b) {
        LinearAlgebraChecks.dot(a, b);
        return reductions.dot(own(a), own(b));
    }

    @Override
    public void dot(Matrix a, Matrix b, Matrix out) {
        LinearAlgebraChecks.dot(a, b, out);
        own(out).setDouble(0, reductions.dot(own(a), own(b)));
    }

    @Override
    public void diagonal(Matrix matrix, Matrix out) {
        LinearAlgebraChecks.diagonal(matrix, out);
        elementwise.diagonal(own(matrix), own(out));
    }

    @Override
    public void addToDiagonal(Matrix matrix, double value) {
        LinearAlgebraChecks.addToDiagonal(matrix);
        elementwise.addToDiagonal(own(matrix), value);
    }

    @Override
    public void addToDiagonal(Matrix matrix, Matrix value) {
        LinearAlgebraChecks.addToDiagonal(matrix, value);
        elementwise.addToDiagonal(own(matrix), scalar(value));
    }

    @Override
    public void cholesky(Matrix matrix, Matrix failed) {
        LinearAlgebraChecks.cholesky(matrix, failed);
        own(failed).setDouble(0, triangular.cholesky(own(matrix)) ? 0 : 1);
    }

    @Override
    public boolean cholesky(Matrix matrix) {
        LinearAlgebraChecks.cholesky(matrix);
        return triangular.cholesky(own(matrix));
    }

    @Override
    public void solveCholesky(Matrix factor, Matrix b) {
        LinearAlgebraChecks.solveCholesky(factor, b);
        triangular.solve(own(factor), false, own(b));
        triangular.solve(own(factor), true, own(b));
    }

    @Override
    public void solveTriangular(Matrix factor, boolean transposed, Matrix b) {
        LinearAlgebraChecks.solveTriangular(factor, b);
        triangular.solve(own(factor), transposed, own(b));
    }

    @Override
    public void eigenvectors(Matrix matrix, Matrix failed) {
        LinearAlgebraChecks.eigenvectors(matrix, failed);
        try {
            eigenSymmetric(matrix);
            own(failed).setDouble(0, 0);
        } catch (ArithmeticException e) {
            own(failed).setDouble(0, 1);
        }
    }

    @Override
    public double[] eigenSymmetric(Matrix matrix) {
        LinearAlgebraChecks.eigenSymmetric(matrix);
        return eigen.decompose(own(matrix));
    }

    // ---- sparse coding ----

    @Override
    public void keepLargest(Matrix matrix, int s) {
        SparseCodingChecks.keepLargest(matrix, s);
        threshold.keepLargest(own(matrix), s);
    }

    @Override
    public void keepLargestInGroups(Matrix matrix, int kept, int group) {
        SparseCodingChecks.keepLargestInGroups(matrix, kept, group);
        threshold.keepLargestInGroups(own(matrix), kept, group);
    }

    @Override
    public void restrictTo(Matrix pattern, Matrix values, Matrix out) {
        SparseCodingChecks.restrictTo(pattern, values, out);
        elementwise.restrictTo(own(pattern), own(values), own(out));
    }

    @Override
    public int[][] rowsUsing(Matrix codes) {
        SparseCodingChecks.rowsUsing(codes);
        return HardThreshold.rowsUsing(own(codes));
    }

    @Override
    public void hardThresholdStep(Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int s) {
        SparseCodingChecks.hardThresholdStep(codes, residual, gradient, curvature, s);
        threshold.step(own(codes), own(residual), own(gradient), own(curvature), s);
    }

    @Override
    public void hardThresholdStepInGroups(
            Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int kept, int group) {
        SparseCodingChecks.hardThresholdStepInGroups(codes, residual, gradient, curvature, kept, group);
        threshold.stepInGroups(own(codes), own(residual), own(gradient), own(curvature), kept, group);
    }

    @Override
    public void orthogonalMatchingPursuit(Matrix gram, Matrix correlations, int s, Matrix codes) {
        SparseCodingChecks.orthogonalMatchingPursuit(gram, correlations, s, codes);
        pursuit.run(own(gram), own(correlations), s, own(codes));
    }

    @Override
    public void conjugateGradientStep(
            Matrix support, Matrix image, Matrix codes, Matrix residual, Matrix direction, Matrix energy) {
        SparseCodingChecks.conjugateGradientStep(support, image, codes, residual, direction, energy);
        conjugateGradients.step(own(support), own(image), own(codes), own(residual), own(direction), own(energy));
    }

    @Override
    public void sweepCodes(Matrix gram, Matrix support, Matrix changes) {
        SparseCodingChecks.sweepCodes(gram, support, changes);
        codeSweep.run(own(gram), own(support), own(changes));
    }

    @Override
    public void normalizeAtoms(Matrix dictionary, Matrix previous, Matrix codes) {
        SparseCodingChecks.normalizeAtoms(dictionary, previous, codes);
        normalization.normalize(own(dictionary), own(previous), own(codes));
    }

    @Override
    public void extrapolate(double relaxation, Matrix fitted, Matrix previous, Matrix out) {
        SparseCodingChecks.extrapolate(fitted, previous, out);
        elementwise.extrapolate(relaxation, own(fitted), own(previous), own(out));
    }

    @Override
    public void replaceUnused(
            Matrix usage,
            Matrix rowErrors,
            Matrix target,
            Matrix codes,
            Matrix dictionary,
            Matrix previous,
            Matrix replaced) {
        SparseCodingChecks.replaceUnused(usage, rowErrors, target, codes, dictionary, previous, replaced);
        DeadAtomReplacement.run(
                own(usage), own(rowErrors), own(target), own(codes), own(dictionary), own(previous), own(replaced));
    }

    @Override
    public void updateAtoms(Matrix residual, Matrix dictionary, Matrix codes, int s, int iterations) {
        SparseCodingChecks.updateAtoms(residual, dictionary, codes, s, iterations);
        atomUpdates.run(own(residual), own(dictionary), own(codes), s, iterations);
    }

    // ---- rounding ----

    @Override
    public void keepTopBits(Matrix matrix, int bits) {
        RoundingChecks.keepTopBits(matrix, bits);
        elementwise.keepTopBits(own(matrix), bits);
    }

    @Override
    public void chooseScales(Matrix values, int groupSize, int bits, Matrix scales) {
        RoundingChecks.chooseScales(values, groupSize, bits, scales);
        levelRounding.chooseScales(own(values), groupSize, bits, own(scales));
    }

    @Override
    public void roundWithFeedback(
            Matrix values, Matrix wanted, Matrix feedback, int from, int bits, Matrix scales, Matrix levels) {
        RoundingChecks.roundWithFeedback(values, wanted, feedback, from, bits, scales, levels);
        levelRounding.roundWithFeedback(own(values), own(wanted), own(feedback), from, bits, own(scales), own(levels));
    }

    @Override
    public void markStored(Matrix codes, int kept, int group, Matrix support) {
        RoundingChecks.markStored(codes, kept, group, support);
        levelRounding.markStored(own(codes), kept, group, own(support));
    }

    @Override
    public void roundOnSupport(
            Matrix gram,
            Matrix support,
            Matrix residuals,
            Matrix codes,
            int s,
            int groupSize,
            int bits,
            Matrix scales) {
        RoundingChecks.roundOnSupport(gram, support, residuals, codes, s, groupSize, bits, scales);
        levelRounding.roundOnSupport(
                own(gram), own(support), own(residuals), own(codes), s, groupSize, bits, own(scales));
    }

    // ---- decoder ----

    @Override
    public void multiplyCodes(Matrix z, SparseMatrix codes, boolean add, Matrix out) {
        DecoderChecks.multiplyCodes(z, codes, out);
        codeProducts.multiply(own(z), PackedCodeMatrix.own(codes), add, own(out));
    }

    @Override
    public void embed(Matrix table, Matrix tokens, Matrix out) {
        DecoderChecks.embed(table, tokens, out);
        int[] rows = new int[tokens.rows()];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = (int) own(tokens).getDouble(i);
        }
        transfers.gatherRows(own(table), rows, own(out));
    }

    @Override
    public void multiplyRebuilt(Matrix x, Matrix dictionary, SparseMatrix codes, boolean add, Matrix out) {
        DecoderChecks.multiplyRebuilt(x, dictionary, codes, out);
        codeProducts.multiplyRebuilt(own(x), own(dictionary), PackedCodeMatrix.own(codes), add, own(out));
    }

    @Override
    public void rmsNorm(Matrix x, Matrix weight, double eps, Matrix out) {
        DecoderChecks.rmsNorm("rmsNorm", x, weight, out);
        rotary.rmsNorm(own(x), own(weight), eps, own(out));
    }

    @Override
    public void rotate(Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        DecoderChecks.rotate("rotate", x, cos, sin, firstPosition);
        rotary.rotate(own(x), own(cos), own(sin), firstPosition, 1);
    }

    @Override
    public void rotateAndAppend(
            Matrix queries,
            Matrix keys,
            Matrix values,
            Matrix cos,
            Matrix sin,
            Matrix keyCache,
            Matrix valueCache,
            int position) {
        DecoderChecks.rotateAndAppend(queries, keys, values, cos, sin, keyCache, valueCache, position);
        rotary.rotate(own(queries), own(cos), own(sin), position, 1);
        rotary.rotate(own(keys), own(cos), own(sin), position, 1);
        transfers.copy(own(keys), own(keyCache.rows(position, keys.rows())));
        transfers.copy(own(values), own(valueCache.rows(position, values.rows())));
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
        DecoderChecks.attention("attention", queries, keys, values, heads, headDim, firstPosition, window, out);
        attention.run(own(queries), own(keys), own(values), heads, headDim, firstPosition, window, own(out));
    }

    @Override
    public void siluMultiply(Matrix gate, Matrix up) {
        DecoderChecks.siluMultiply(gate, up);
        elementwise.siluMultiply(own(gate), own(up));
    }

    @Override
    public void addBias(Matrix x, Matrix bias) {
        DecoderChecks.addBias(x, bias);
        elementwise.addBias(own(x), own(bias));
    }

    @Override
    public void logSoftmax(Matrix logits) {
        DecoderChecks.logSoftmax(logits);
        reductions.logSoftmax(own(logits));
    }

    @Override
    public void keepNucleus(Matrix logProbabilities, double share) {
        DecoderChecks.keepNucleus(logProbabilities, share);
        nucleus.keep(own(logProbabilities), share);
    }

    @Override
    public void negativeLogLikelihood(Matrix logits, int[] targets, Matrix losses) {
        DecoderChecks.negativeLogLikelihood(logits, targets, losses);
        reductions.negativeLogLikelihood(own(logits), targets, own(losses));
    }

    @Override
    public void klDivergence(Matrix logP, Matrix logQ, Matrix divergences) {
        DecoderChecks.klDivergence(logP, logQ, divergences);
        reductions.klDivergence(own(logP), own(logQ), own(divergences));
    }

    @Override
    public void argmax(Matrix matrix, Matrix columns) {
        DecoderChecks.argmax(matrix, columns);
        reductions.argmax(own(matrix), own(columns));
    }

    // ---- gradients ----

    @Override
    public void rmsNormGradient(Matrix x, Matrix weight, double eps, Matrix gradient) {
        GradientChecks.rmsNormGradient(x, weight, gradient);
        rowGradients.rmsNorm(own(x), own(weight), eps, own(gradient));
    }

    @Override
    public void rotateBack(Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        DecoderChecks.rotate("rotateBack", x, cos, sin, firstPosition);
        rotary.rotate(own(x), own(cos), own(sin), firstPosition, -1);
    }

    @Override
    public void attentionGradient(
            Matrix queries,
            Matrix keys,
            Matrix values,
            int heads,
            int headDim,
            int window,
            Matrix gradient,
            Matrix queryGradient,
            Matrix keyGradient,
            Matrix valueGradient) {
        GradientChecks.attentionGradient(
                queries, keys, values, heads, headDim, window, gradient, queryGradient, keyGradient, valueGradient);
        attentionGradient.run(
                own(queries),
                own(keys),
                own(values),
                heads,
                headDim,
                window,
                own(gradient),
                own(queryGradient),
                own(keyGradient),
                own(valueGradient));
    }

    @Override
    public void siluMultiplyGradient(Matrix gate, Matrix up, Matrix gradient) {
        GradientChecks.siluMultiplyGradient(gate, up, gradient);
        rowGradients.siluMultiply(own(gate), own(up), own(gradient));
    }

    @Override
    public void sample(Matrix logProbabilities, double[] uniforms, Matrix columns) {
        GradientChecks.sample(logProbabilities, uniforms, columns);
        rowGradients.sample(own(logProbabilities), uniforms, own(columns));
    }

    @Override
    public void likelihoodGradient(Matrix logProbabilities, Matrix targets) {
        GradientChecks.likelihoodGradient(logProbabilities, targets);
        rowGradients.likelihood(own(logProbabilities), own(targets));
    }

    @Override
    public void clippingFactors(Matrix squares, double clipping, Matrix factors) {
        GradientChecks.clippingFactors(squares, factors);
        rowGradients.clippingFactors(own(squares), clipping, own(factors));
    }

    @Override
    public void addSquares(Matrix x, Matrix factors, Matrix sums) {
        GradientChecks.addSquares(x, factors, sums);
        rowGradients.addSquares(own(x), own(factors), own(sums));
    }
}
