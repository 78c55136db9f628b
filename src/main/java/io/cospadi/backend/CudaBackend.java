package io.cospadi.backend;

import static io.cospadi.backend.CudaMatrix.at;
import static io.cospadi.backend.CudaMatrix.own;

import io.cospadi.gpu.ArithmeticKernels;
import io.cospadi.gpu.AtomKernels;
import io.cospadi.gpu.AttentionKernels;
import io.cospadi.gpu.CallTimes;
import io.cospadi.gpu.CodeSweepKernels;
import io.cospadi.gpu.ConjugateGradientKernels;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.CudaDevices;
import io.cospadi.gpu.CudaUnavailableException;
import io.cospadi.gpu.DeadAtomKernels;
import io.cospadi.gpu.DeviceProperties;
import io.cospadi.gpu.ElementwiseKernels;
import io.cospadi.gpu.IndexingKernels;
import io.cospadi.gpu.LevelKernels;
import io.cospadi.gpu.NucleusKernels;
import io.cospadi.gpu.ReductionKernels;
import io.cospadi.gpu.RmsNormKernels;
import io.cospadi.gpu.RowGradientKernels;
import io.cospadi.gpu.SelectKernels;
import io.cospadi.gpu.SoftmaxKernels;
import io.cospadi.gpu.SquareKernels;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.gpu.SupportKernels;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * The verbs on an NVIDIA GPU: matrices in its memory, products by cuBLAS, factorisations by cuSOLVER, the rest by the program's
 * own kernels.
 *
 * <p>This class has arguments checked and hands on. Verbs are queued on one stream and return at once, unless their result is a
 * number on the host. Equal inputs give equal bits on one kind of device: no kernel adds in an order that varies.
 */
public final class CudaBackend implements Backend {
    private final CudaCalls cuda;
    private final Workers workers;
    private final CallTimes times;
    private final CudaMemory memory;
    private final CudaTransfers transfers;
    private final CudaProducts products;
    private final CudaGrams grams;
    private final CudaFactorizations factorizations;
    private final CudaTriangularSolves triangularSolves;
    private final CudaReductions reductions;
    private final CudaCodeProducts codeProducts;

    private final CudaPursuit pursuit;
    private final CudaAtomUpdates atomUpdates;
    private final CudaDecoding decoding;
    private final CudaBandwidth bandwidth;
    private final ArithmeticKernels arithmetic;
    private final AtomKernels atoms;
    private final CodeSweepKernels codeSweep;
    private final DeadAtomKernels deadAtoms;
    private final ConjugateGradientKernels conjugateGradients;
    private final ElementwiseKernels elementwise;
    private final IndexingKernels indexing;
    private final LevelKernels levels;
    private final SquareKernels squares;
    private final SelectKernels select;
    private final StorageKernels storage;
    private final SupportKernels supports;
    private final ReductionKernels rowReductions;
    private final RmsNormKernels rmsNorm;
    private final SoftmaxKernels softmax;
    private final NucleusKernels nucleus;
    private final RowGradientKernels rowGradients;

    /**
     * Opens a GPU; the caller closes the backend.
     *
     * @param device  as the driver counts them, from 0
     * @param maxVram most bytes of its memory to hold; {@code Long.MAX_VALUE} for no limit
     * @param threads of the host
     * @throws CudaUnavailableException if there is none to compute on; the message says what is missing
     */
    public static CudaBackend open(int device, long maxVram, int threads) {
        CudaCalls opened = CudaDevices.open(device);
        try {
            return new CudaBackend(new CallTimes(opened), maxVram, threads);
        } catch (RuntimeException | Error failure) {
            opened.close();
            throw failure;
        }
    }

    CudaBackend(CudaCalls cuda, long maxVram, int threads) {
        this(new CallTimes(cuda), maxVram, threads);
    }

    private CudaBackend(CallTimes times, long maxVram, int threads) {
        this.times = times;
        cuda = times.calls();
        memory = new CudaMemory(cuda, maxVram);
        workers = new Workers(threads);
        transfers = new CudaTransfers(cuda, memory);
        products = new CudaProducts(cuda, memory);
        grams = new CudaGrams(cuda, memory, CudaMemory.TILE_BYTES);
        factorizations = new CudaFactorizations(cuda, memory);
        triangularSolves = new CudaTriangularSolves(cuda, memory);
        reductions = new CudaReductions(cuda, memory);
        codeProducts = new CudaCodeProducts(cuda, memory);

        pursuit = new CudaPursuit(cuda, memory);
        atomUpdates = new CudaAtomUpdates(cuda, memory);
        decoding = new CudaDecoding(cuda, memory);
        bandwidth = new CudaBandwidth(cuda, memory);
        arithmetic = new ArithmeticKernels(cuda);
        atoms = new AtomKernels(cuda);
        codeSweep = new CodeSweepKernels(cuda);
        deadAtoms = new DeadAtomKernels(cuda);
        conjugateGradients =
                new ConjugateGradientKernels(cuda, cuda.properties().sharedBytesOfBlock());
        elementwise = new ElementwiseKernels(cuda);
        indexing = new IndexingKernels(cuda);
        levels = new LevelKernels(cuda, cuda.properties().sharedBytesOfBlock());
        squares = new SquareKernels(cuda);
        select = new SelectKernels(cuda, cuda.properties().sharedBytesOfBlock());
        storage = new StorageKernels(cuda);
        supports = new SupportKernels(cuda);
        rowReductions = new ReductionKernels(cuda);
        rmsNorm = new RmsNormKernels(cuda);
        softmax = new SoftmaxKernels(cuda);
        nucleus = new NucleusKernels(cuda);
        rowGradients = new RowGradientKernels(cuda);
    }

    @Override
    public String identity() {
        DeviceProperties device = cuda.properties();
        return "cuda " + device.name() + ", compute capability " + device.computeCapability() + ", driver of CUDA "
                + device.driver();
    }

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public long allocatedBytes() {
        return memory.allocatedBytes();
    }

    @Override
    public long availableBytes() {
        return memory.availableBytes();
    }

    /** Gives the device back; matrices of it are gone. */
    @Override
    public void close() {
        workers.close();
        memory.close();
        cuda.close();
    }

    @Override
    public Optional<Recording> record(Runnable verbs) {
        return Optional.of(CudaRecording.of(verbs, cuda, memory, decoding));
    }

    /**
     * Eigendecompositions reach 3 % of an H100's rate in f64, products nearly all of it. Where f64 is slow the two should take about as
     * long, which is not measured; but for products the host need not wait.
     */
    @Override
    public boolean favoursProducts() {
        return true;
    }

    @Override
    public void requirePursuit(int k, int s) {
        pursuit.require(k, s);
    }

    @Override
    public int mostHeadDim() {
        return AttentionKernels.MOST_HEAD_DIM;
    }

    @Override
    public boolean queuesAhead() {
        return true;
    }

    /**
     * By data sheets, not yet measured: 19.5 TFLOP/s in f32 and a third of 312 in bf16 on an A100 are 5.3 to 1, 67 and a third of
     * 989 on an H100 or H200 4.9. GPUs for consumers, known by their slow f64, are at least as fast in f32: 82 and a third of 165 on
     * a 4090.
     */
    @Override
    public double singlePrecisionCost() {
        return cuda.properties().fullRateDoubles() ? 5 : 1;
    }

    @Override
    public void synchronize() {
        cuda.synchronize();
    }

    @Override
    public void onHost(int count, IntConsumer task) {
        workers.run(count, (number, scratch) -> task.accept(number));
    }

    @Override
    public Optional<DeviceTimes> watch() {
        times.watch();
        return Optional.of(new CudaTimes(times));
    }

    @Override
    public Moment moment() {
        return new CudaMoment(cuda.mark());
    }

    @Override
    public double memoryRate() {
        return bandwidth.bytesPerSecond();
    }

    @Override
    public VendorProducts vendorProducts() {
        return new CudaVendorProducts(cuda, memory);
    }

    private static long elements(Matrix matrix) {
        return own(matrix).elements();
    }

    // ---- storage ----

    @Override
    public Matrix allocate(int rows, int cols, DType dtype) {
        StorageChecks.allocate(rows, cols, dtype);
        return new CudaMatrix(memory.zeroed((long) rows * cols * dtype.bytes()), rows, cols, dtype);
    }

    @Override
    public DType weightType(DType stored) {
        return stored == DType.BF16 ? DType.BF16 : DType.F32;
    }

    @Override
    public Matrix allocateUndefined(int rows, int cols, DType dtype) {
        StorageChecks.allocate(rows, cols, dtype);
        return new CudaMatrix(memory.toFill((long) rows * cols * dtype.bytes()), rows, cols, dtype);
    }

    @Override
    public Matrix allocateWeight(int rows, int cols, DType stored) {
        DType type = weightType(stored);
        return new CudaMatrix(memory.toFill((long) rows * cols * type.bytes()), rows, cols, type);
    }

    @Override
    public SparseMatrix upload(Codes codes) {
        StorageChecks.upload(codes);
        return new CudaCodes(codes, memory);
    }

    @Override
    public SparseMatrix duplicate(SparseMatrix codes) {
        return CudaCodes.own(codes).duplicate(memory);
    }

    @Override
    public void write(Matrix matrix, float[] values) {
        StorageChecks.write(matrix, values);
        memory.write(at(matrix), values);
    }

    @Override
    public void write(Matrix matrix, double[] values) {
        StorageChecks.write(matrix, values);
        memory.write(at(matrix), values);
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
        return new CudaReading(cuda.fetch(at(scalar)));
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
    public void multiplyWeights(Matrix x, List<Matrix> weights, List<Matrix> out) {
        LinearAlgebraChecks.multiplyWeights(x, weights, out);
        products.multiplyWeights(own(x), own(weights), own(out));
    }

    @Override
    public void symmetricProduct(Matrix a, boolean transposed, Matrix c) {
        LinearAlgebraChecks.symmetricProduct(a, transposed, c);
        products.symmetricProduct(own(a), transposed, own(c));
    }

    @Override
    public void addGram(Matrix x, Matrix gram) {
        LinearAlgebraChecks.addGram(x, gram);
        grams.add(own(x), own(gram));
    }

    @Override
    public DType gramPrecision() {
        return grams.precision();
    }

    @Override
    public void axpy(double alpha, Matrix x, Matrix y) {
        LinearAlgebraChecks.axpy(x, y);
        arithmetic.axpy(x.dtype(), alpha, at(x), at(y), elements(x));
    }

    @Override
    public void scale(double alpha, Matrix matrix) {
        arithmetic.scale(matrix.dtype(), alpha, at(matrix), elements(matrix));
    }

    @Override
    public void axpy(Matrix alpha, Matrix x, Matrix y) {
        LinearAlgebraChecks.axpy(alpha, x, y);
        arithmetic.axpyBy(x.dtype(), at(alpha), at(x), at(y), elements(x));
    }

    @Override
    public void scale(Matrix alpha, Matrix matrix) {
        LinearAlgebraChecks.scale(alpha, matrix);
        arithmetic.scaleBy(matrix.dtype(), at(alpha), at(matrix), elements(matrix));
    }

    @Override
    public void copyIfLess(Matrix a, Matrix b, Matrix from, Matrix to) {
        LinearAlgebraChecks.copyIfLess(a, b, from, to);
        arithmetic.copyIfLess(to.dtype(), at(a), at(b), at(from), at(to), elements(to));
    }

    @Override
    public void scaleRows(Matrix matrix, Matrix factors) {
        LinearAlgebraChecks.scaleRows(matrix, factors);
        arithmetic.scaleRows(matrix.dtype(), at(factors), at(matrix), matrix.rows(), matrix.cols());
    }

    @Override
    public void scaleColumns(Matrix matrix, Matrix factors) {
        LinearAlgebraChecks.scaleColumns(matrix, factors);
        arithmetic.scaleColumns(matrix.dtype(), at(factors), at(matrix), matrix.rows(), matrix.cols());
    }

    @Override
    public void axpyRows(Matrix factors, Matrix x, Matrix y) {
        LinearAlgebraChecks.axpyRows(factors, x, y);
        arithmetic.axpyRows(x.dtype(), at(factors), at(x), at(y), x.rows(), x.cols());
    }

    @Override
    public void power(Matrix values, double exponent, Matrix out) {
        LinearAlgebraChecks.power(values, out);
        arithmetic.power(values.dtype(), at(values), exponent, at(out), elements(values));
    }

    @Override
    public void ratio(Matrix numerators, Matrix denominators, Matrix out) {
        LinearAlgebraChecks.ratio(numerators, denominators, out);
        arithmetic.ratio(out.dtype(), at(numerators), at(denominators), at(out), elements(out));
    }

    @Override
    public void rowDots(Matrix a, Matrix b, Matrix out) {
        LinearAlgebraChecks.rowDots(a, b, out);
        if (out.dtype() == a.dtype()) {
            rowReductions.rowDots(a.dtype(), at(a), at(b), at(out), a.rows(), a.cols());
        } else {
            rowReductions.rowDotsWide(at(a), at(b), at(out), a.rows(), a.cols());
        }
    }

    @Override
    public double dot(Matrix a, Matrix b) {
        LinearAlgebraChecks.dot(a, b);
        return reductions.dot(own(a), own(b));
    }

    @Override
    public void dot(Matrix a, Matrix b, Matrix out) {
        LinearAlgebraChecks.dot(a, b, out);
        reductions.dot(own(a), own(b), at(out));
    }

    @Override
    public void diagonal(Matrix matrix, Matrix out) {
        LinearAlgebraChecks.diagonal(matrix, out);
        squares.diagonal(matrix.dtype(), at(matrix), at(out), matrix.rows());
    }

    @Override
    public void addToDiagonal(Matrix matrix, double value) {
        LinearAlgebraChecks.addToDiagonal(matrix);
        squares.addToDiagonal(matrix.dtype(), at(matrix), value, matrix.rows());
    }

    @Override
    public void addToDiagonal(Matrix matrix, Matrix value) {
        LinearAlgebraChecks.addToDiagonal(matrix, value);
        squares.addToDiagonalBy(matrix.dtype(), at(matrix), at(value), matrix.rows());
    }

    @Override
    public void cholesky(Matrix matrix, Matrix failed) {
        LinearAlgebraChecks.cholesky(matrix, failed);
        factorizations.cholesky(own(matrix), own(failed));
    }

    @Override
    public boolean cholesky(Matrix matrix) {
        LinearAlgebraChecks.cholesky(matrix);
        return factorizations.cholesky(own(matrix));
    }

    @Override
    public void solveCholesky(Matrix factor, Matrix b) {
        LinearAlgebraChecks.solveCholesky(factor, b);
        triangularSolves.solveCholesky(own(factor), own(b));
    }

    @Override
    public void solveTriangular(Matrix factor, boolean transposed, Matrix b) {
        LinearAlgebraChecks.solveTriangular(factor, b);
        triangularSolves.solve(own(factor), transposed, own(b));
    }

    @Override
    public void eigenvectors(Matrix matrix, Matrix failed) {
        LinearAlgebraChecks.eigenvectors(matrix, failed);
        factorizations.eigenvectors(own(matrix), own(failed));
    }

    @Override
    public double[] eigenSymmetric(Matrix matrix) {
        LinearAlgebraChecks.eigenSymmetric(matrix);
        return factorizations.eigenSymmetric(own(matrix));
    }

    // ---- sparse coding ----

    @Override
    public void keepLargest(Matrix matrix, int s) {
        SparseCodingChecks.keepLargest(matrix, s);
        select.keepLargest(at(matrix), matrix.rows(), matrix.cols(), s);
    }

    @Override
    public void keepLargestInGroups(Matrix matrix, int kept, int group) {
        SparseCodingChecks.keepLargestInGroups(matrix, kept, group);
        select.keepLargestInGroups(at(matrix), matrix.rows(), matrix.cols(), kept, group);
    }

    @Override
    public void restrictTo(Matrix pattern, Matrix values, Matrix out) {
        SparseCodingChecks.restrictTo(pattern, values, out);
        elementwise.restrictTo(at(pattern), at(values), at(out), elements(out));
    }

    @Override
    public int[][] rowsUsing(Matrix codes) {
        SparseCodingChecks.rowsUsing(codes);
        return reductions.rowsUsing(own(codes));
    }

    @Override
    public void hardThresholdStep(Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int s) {
        SparseCodingChecks.hardThresholdStep(codes, residual, gradient, curvature, s);
        select.hardThresholdStep(at(codes), at(residual), at(gradient), at(curvature), codes.rows(), codes.cols(), s);
    }

    @Override
    public void hardThresholdStepInGroups(
            Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int kept, int group) {
        SparseCodingChecks.hardThresholdStepInGroups(codes, residual, gradient, curvature, kept, group);
        select.hardThresholdStepInGroups(
                at(codes), at(residual), at(gradient), at(curvature), codes.rows(), codes.cols(), kept, group);
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
        conjugateGradients.step(
                at(support), at(image), at(codes), at(residual), at(direction), at(energy), codes.rows(), codes.cols());
    }

    @Override
    public void sweepCodes(Matrix gram, Matrix support, Matrix changes) {
        SparseCodingChecks.sweepCodes(gram, support, changes);
        codeSweep.sweep(at(gram), at(support), at(changes), changes.rows(), changes.cols());
    }

    @Override
    public void normalizeAtoms(Matrix dictionary, Matrix previous, Matrix codes) {
        SparseCodingChecks.normalizeAtoms(dictionary, previous, codes);
        try (CudaBlock norms = memory.scratch((long) Float.BYTES * dictionary.rows())) {
            atoms.normalize(at(dictionary), at(previous), norms.address(), dictionary.rows(), dictionary.cols());
            arithmetic.scaleColumns(DType.F32, norms.address(), at(codes), codes.rows(), codes.cols());
        }
    }

    @Override
    public void extrapolate(double relaxation, Matrix fitted, Matrix previous, Matrix out) {
        SparseCodingChecks.extrapolate(fitted, previous, out);
        atoms.extrapolate(relaxation, at(fitted), at(previous), at(out), elements(out));
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
        int d2 = codes.rows();
        int k = codes.cols();
        try (CudaBlock scratch = memory.scratch(Integer.BYTES * DeadAtomKernels.scratchInts(k))) {
            deadAtoms.replaceUnused(
                    at(usage),
                    at(rowErrors),
                    at(target),
                    at(codes),
                    at(dictionary),
                    at(previous),
                    at(replaced),
                    scratch.address(),
                    d2,
                    k,
                    target.cols());
        }
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
        storage.keepTopBits(matrix.dtype(), at(matrix), bits, elements(matrix));
    }

    @Override
    public void chooseScales(Matrix values, int groupSize, int bits, Matrix scales) {
        RoundingChecks.chooseScales(values, groupSize, bits, scales);
        int n = values.rows();
        int length = groupSize == 0 ? n : groupSize;
        levels.chooseScales(at(values), at(scales), n, values.cols(), length, scales.rows(), bits);
    }

    @Override
    public void roundWithFeedback(
            Matrix values, Matrix wanted, Matrix feedback, int from, int bits, Matrix scales, Matrix levels) {
        RoundingChecks.roundWithFeedback(values, wanted, feedback, from, bits, scales, levels);
        this.levels.roundWithFeedback(
                at(values),
                at(wanted),
                at(feedback),
                at(scales),
                at(levels),
                values.rows(),
                values.cols(),
                feedback.cols(),
                from,
                bits);
    }

    @Override
    public void markStored(Matrix codes, int kept, int group, Matrix support) {
        RoundingChecks.markStored(codes, kept, group, support);
        supports.markStored(at(codes), at(support), codes.rows(), codes.cols(), kept, group);
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
        levels.roundOnSupport(
                at(gram),
                at(support),
                at(residuals),
                at(codes),
                at(scales),
                codes.rows(),
                codes.cols(),
                s,
                groupSize == 0 ? s : groupSize,
                bits);
    }

    // ---- decoder ----

    @Override
    public void multiplyCodes(Matrix z, SparseMatrix codes, boolean add, Matrix out) {
        DecoderChecks.multiplyCodes(z, codes, out);
        codeProducts.multiply(own(z), CudaCodes.own(codes), add, own(out));
    }

    @Override
    public void multiplyCodes(List<Matrix> z, List<? extends SparseMatrix> codes, List<Matrix> out) {
        DecoderChecks.multiplyCodes(z, codes, out);
        codeProducts.multiply(own(z), codes.stream().map(CudaCodes::own).toList(), own(out));
    }

    @Override
    public void embed(Matrix table, Matrix tokens, Matrix out) {
        DecoderChecks.embed(table, tokens, out);
        indexing.embed(table.dtype(), at(table), at(tokens), at(out), out.rows(), out.cols());
    }

    @Override
    public void multiplyRebuilt(Matrix x, Matrix dictionary, SparseMatrix codes, boolean add, Matrix out) {
        DecoderChecks.multiplyRebuilt(x, dictionary, codes, out);
        codeProducts.multiplyRebuilt(own(x), own(dictionary), CudaCodes.own(codes), add, own(out));
    }

    @Override
    public void rmsNorm(Matrix x, Matrix weight, double eps, Matrix out) {
        DecoderChecks.rmsNorm("rmsNorm", x, weight, out);
        rmsNorm.rmsNorm(at(x), at(weight), eps, at(out), Math.toIntExact(elements(x) / weight.cols()), weight.cols());
    }

    @Override
    public void rotate(Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        DecoderChecks.rotate("rotate", x, cos, sin, firstPosition);
        decoding.rotate(own(x), own(cos), own(sin), firstPosition);
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
        decoding.rotateAndAppend(
                own(queries), own(keys), own(values), own(cos), own(sin), own(keyCache), own(valueCache), position);
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
        decoding.attention(own(queries), own(keys), own(values), heads, headDim, firstPosition, window, own(out));
    }

    @Override
    public void siluMultiply(Matrix gate, Matrix up) {
        DecoderChecks.siluMultiply(gate, up);
        elementwise.siluMultiply(at(gate), at(up), elements(gate));
    }

    @Override
    public void addBias(Matrix x, Matrix bias) {
        DecoderChecks.addBias(x, bias);
        elementwise.addBias(at(x), at(bias), x.rows(), x.cols());
    }

    @Override
    public void logSoftmax(Matrix logits) {
        DecoderChecks.logSoftmax(logits);
        softmax.logSoftmax(at(logits), logits.rows(), logits.cols());
    }

    @Override
    public void keepNucleus(Matrix logProbabilities, double share) {
        DecoderChecks.keepNucleus(logProbabilities, share);
        nucleus.keepNucleus(at(logProbabilities), share, logProbabilities.rows(), logProbabilities.cols());
    }

    @Override
    public void negativeLogLikelihood(Matrix logits, int[] targets, Matrix losses) {
        DecoderChecks.negativeLogLikelihood(logits, targets, losses);
        try (CudaBlock wanted = memory.scratch(targets)) {
            softmax.negativeLogLikelihood(at(logits), wanted.address(), at(losses), logits.rows(), logits.cols());
        }
    }

    @Override
    public void klDivergence(Matrix logP, Matrix logQ, Matrix divergences) {
        DecoderChecks.klDivergence(logP, logQ, divergences);
        softmax.klDivergence(at(logP), at(logQ), at(divergences), logP.rows(), logP.cols());
    }

    @Override
    public void argmax(Matrix matrix, Matrix columns) {
        DecoderChecks.argmax(matrix, columns);
        softmax.argmax(matrix.dtype(), at(matrix), at(columns), matrix.rows(), matrix.cols());
    }

    // ---- gradients ----

    @Override
    public void rmsNormGradient(Matrix x, Matrix weight, double eps, Matrix gradient) {
        GradientChecks.rmsNormGradient(x, weight, gradient);
        rowGradients.rmsNormGradient(
                at(x), at(weight), eps, at(gradient), Math.toIntExact(elements(x) / weight.cols()), weight.cols());
    }

    @Override
    public void rotateBack(Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        DecoderChecks.rotate("rotateBack", x, cos, sin, firstPosition);
        decoding.rotateBack(own(x), own(cos), own(sin), firstPosition);
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
        decoding.attentionGradient(
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
        rowGradients.siluMultiplyGradient(at(gate), at(up), at(gradient), elements(gate));
    }

    @Override
    public void sample(Matrix logProbabilities, double[] uniforms, Matrix columns) {
        GradientChecks.sample(logProbabilities, uniforms, columns);
        try (CudaBlock drawn = memory.scratch(uniforms)) {
            softmax.sample(
                    at(logProbabilities),
                    drawn.address(),
                    at(columns),
                    logProbabilities.rows(),
                    logProbabilities.cols());
        }
    }

    @Override
    public void likelihoodGradient(Matrix logProbabilities, Matrix targets) {
        GradientChecks.likelihoodGradient(logProbabilities, targets);
        softmax.likelihoodGradient(at(logProbabilities), at(targets), logProbabilities.rows(), logProbabilities.cols());
    }

    @Override
    public void clippingFactors(Matrix squares, double clipping, Matrix factors) {
        GradientChecks.clippingFactors(squares, factors);
        try (CudaBlock median = memory.scratch(Float.BYTES)) {
            rowGradients.clippingFactors(at(squares), clipping, median.address(), at(factors), squares.cols());
        }
    }

    @Override
    public void addSquares(Matrix x, Matrix factors, Matrix sums) {
        GradientChecks.addSquares(x, factors, sums);
        rowGradients.addSquares(at(x), at(factors), at(sums), x.rows(), x.cols());
    }
}
