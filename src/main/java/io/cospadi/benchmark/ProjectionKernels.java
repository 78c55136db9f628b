package io.cospadi.benchmark;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import io.cospadi.backend.VendorProduct;
import io.cospadi.backend.VendorProducts;
import io.cospadi.benchmark.Measurement.Bound;
import io.cospadi.decoder.SparseLinear;
import io.cospadi.decoder.SyntheticWeights;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * Products of one or some tokens with a factored projection, beside the dense projection and the vendor's libraries on the same
 * codes. Each product is compared with loops in f64 before it is timed, on tokens whose values bf16 holds. Counted are the bytes
 * of weights and codes as they lie; tokens and results count for nothing.
 */
public final class ProjectionKernels {
    /** Any order of up to 14,336 f32 additions stays within it, relative to the largest result. */
    static final double OURS = 1e-4;

    /** Tensor cores cut what they add. */
    private static final double LIBRARIES = 2e-3;

    static final int[] SOME_TOKENS = {2, 8, 16, 32, 64};
    private static final int LEAST_COPIES = 8;
    private static final int MOST_COPIES = 512;

    private final Backend backend;
    private final VendorProducts vendor;
    private final KernelTimer timer;
    private final long rotation;
    private final Consumer<Measurement> listener;
    private final Consumer<String> notes;
    private final Map<String, Times> denseTimes = new HashMap<>();
    private final Map<String, OptionalDouble> sparseTimes = new HashMap<>();
    private double roof;

    /**
     * @param repetitions of which the median counts
     * @param rotation    bytes that operands which take turns have together at least: several times the caches
     * @param listener    told each measurement
     * @param notes       told in a sentence what can't be measured
     */
    public ProjectionKernels(
            Backend backend, int repetitions, long rotation, Consumer<Measurement> listener, Consumer<String> notes) {
        this.backend = backend;
        this.vendor = backend.vendorProducts();
        this.timer = new KernelTimer(backend, repetitions);
        this.rotation = rotation;
        this.listener = listener;
        this.notes = notes;
    }

    /** Measures one after the other. */
    public void run(FactoredProjection projection) {
        measureRoof();
        Times whole = dense(projection.types(), projection.d2(), projection.d1(), 1);
        RandomWeight dictionary = new RandomWeight(projection.size().k(), projection.d1());
        Codes codes = SyntheticWeights.codes(projection.d2(), projection.size());
        dictionary(projection, dictionary);
        codes(projection, codes, 1);
        for (int tokens : SOME_TOKENS) {
            codes(projection, codes, tokens);
        }
        projection(projection, dictionary, codes, whole);
    }

    /** Bytes a second, of what is measured from now on. */
    double measureRoof() {
        roof = backend.memoryRate();
        return roof;
    }

    /** How many operands of so many bytes take turns. */
    static int copies(long bytes, long rotation) {
        return (int) Math.max(LEAST_COPIES, Math.min(MOST_COPIES, (rotation + bytes - 1) / bytes));
    }

    private void dictionary(FactoredProjection on, RandomWeight weight) {
        Times dense = dense(on.name(), weight.rows(), weight.cols(), 1);
        double[] tokens = tokens(1, weight.cols());
        try (Matrix x = upload(tokens, 1);
                Matrix z = backend.allocate(1, weight.rows(), DType.F32);
                Copies<Matrix> weights = copies(
                        (long) backend.weightType(DType.BF16).bytes() * weight.rows() * weight.cols(),
                        i -> weight.upload(backend))) {
            backend.gemm(1, x, false, weights.get(0), true, 0, z);
            check("dictionary " + on.name(), weight.product(tokens), z, OURS);
            Times times = timer.recorded(weights.count(), i -> backend.gemm(1, x, false, weights.get(i), true, 0, z));
            listener.accept(new Measurement(
                    "dictionary",
                    on.name(),
                    shape(1, weight.cols(), weight.rows()),
                    name(weights.get(0).dtype()),
                    (double) weights.get(0).dtype().bytes() * weight.rows() * weight.cols(),
                    2.0 * weight.rows() * weight.cols(),
                    Bound.MEMORY,
                    times,
                    roof,
                    OptionalDouble.of(dense.median()),
                    OptionalDouble.empty()));
        }
    }

    private void codes(FactoredProjection on, Codes codes, int n) {
        Times dense = dense(on.name(), codes.rows(), codes.k(), n);
        double[] tokens = tokens(n, codes.k());
        double[] expected = product(codes, tokens);
        OptionalDouble sparse = sparse(on, codes, n, tokens, expected);
        try (Matrix z = upload(tokens, n);
                Matrix y = backend.allocate(n, codes.rows(), DType.F32);
                SparseMatrix first = backend.upload(codes);
                Copies<SparseMatrix> packed = copies(first.bytes(), i -> backend.duplicate(first))) {
            backend.multiplyCodes(z, packed.get(0), y);
            check("codes " + on.name(), expected, y, OURS);
            Times times = timer.recorded(packed.count(), i -> backend.multiplyCodes(z, packed.get(i), y));
            listener.accept(new Measurement(
                    "codes",
                    on.name(),
                    shape(n, codes.k(), codes.rows()) + ", s " + codes.s(),
                    "packed",
                    first.bytes(),
                    2.0 * n * codes.rows() * codes.s(),
                    Bound.MEMORY,
                    times,
                    roof,
                    OptionalDouble.of(dense.median()),
                    sparse));
        }
    }

    private void projection(FactoredProjection on, RandomWeight dictionary, Codes codes, Times dense) {
        double[] tokens = tokens(1, dictionary.cols());
        try (Matrix x = upload(tokens, 1);
                Matrix y = backend.allocate(1, codes.rows(), DType.F32);
                SparseMatrix first = backend.upload(codes);
                Copies<SparseLinear> factored = copies(
                        first.bytes() + 2L * dictionary.rows() * dictionary.cols(), i -> factored(dictionary, first))) {
            factored.get(0).apply(backend, x, y);
            check("projection " + on.name(), product(codes, dictionary.product(tokens)), y, OURS);
            Times times = timer.recorded(factored.count(), i -> factored.get(i).apply(backend, x, y));
            listener.accept(new Measurement(
                    "projection",
                    on.name(),
                    shape(1, on.d1(), on.d2()) + ", k " + codes.k() + ", s " + codes.s(),
                    name(backend.weightType(DType.BF16)) + " and packed",
                    factored.get(0).bytes(),
                    2.0 * factored.get(0).multiplyAdds(),
                    Bound.MEMORY,
                    times,
                    roof,
                    OptionalDouble.of(dense.median()),
                    OptionalDouble.empty()));
        }
    }

    private SparseLinear factored(RandomWeight dictionary, SparseMatrix codes) {
        Matrix own = dictionary.upload(backend);
        try {
            return new SparseLinear(own, backend.duplicate(codes), null);
        } catch (RuntimeException | Error failure) {
            own.close();
            throw failure;
        }
    }

    private VendorProduct vendorsDense(RandomWeight weight, Matrix x, Matrix y) {
        Matrix own = weight.upload(backend);
        try {
            return vendor.dense(own, x, y);
        } catch (RuntimeException | Error failure) {
            own.close();
            throw failure;
        }
    }

    /** The vendor's dense product, measured and told when first asked for. */
    Times dense(String on, int rows, int cols, int n) {
        return denseTimes.computeIfAbsent(shape(n, cols, rows), shape -> {
            RandomWeight weight = new RandomWeight(rows, cols);
            double[] tokens = tokens(n, cols);
            try (Matrix x = upload(tokens, n);
                    Matrix y = backend.allocate(n, rows, DType.F32);
                    Copies<VendorProduct> products = copies(2L * rows * cols, i -> vendorsDense(weight, x, y))) {
                products.get(0).multiply();
                check(vendor.dense() + " " + shape, weight.product(tokens), y, LIBRARIES);
                Times times =
                        timer.recorded(products.count(), i -> products.get(i).multiply());
                long bytes = products.get(0).bytes();
                listener.accept(library(vendor.dense(), on, shape, bytes, 2.0 * n * rows * cols, times));
                return times;
            }
        });
    }

    /** The vendor's sparse product, measured and told when first asked for; empty where there is none. */
    OptionalDouble sparse(FactoredProjection on, Codes codes, int n, double[] tokens, double[] expected) {
        String shape = shape(n, codes.k(), codes.rows()) + ", s " + codes.s();
        OptionalDouble known = sparseTimes.get(shape);
        if (known != null) {
            return known;
        }
        OptionalDouble seconds = OptionalDouble.empty();
        if (vendor.sparse().isPresent()) {
            try {
                seconds = OptionalDouble.of(sparse(vendor.sparse().get(), on, shape, codes, n, tokens, expected)
                        .median());
            } catch (CospadiException e) {
                notes.accept("no " + vendor.sparse().get() + " beside the codes: " + e.getMessage());
            }
        }
        sparseTimes.put(shape, seconds);
        return seconds;
    }

    private Times sparse(
            String library,
            FactoredProjection on,
            String shape,
            Codes codes,
            int n,
            double[] tokens,
            double[] expected) {
        try (Matrix x = upload(tokens, n);
                Matrix y = backend.allocate(n, codes.rows(), DType.F32);
                Copies<VendorProduct> products = copies(6L * codes.values().length, i -> vendor.sparse(codes, x, y))) {
            products.get(0).multiply();
            check(library + " " + on.name(), expected, y, LIBRARIES);
            Times times = timer.recorded(products.count(), i -> products.get(i).multiply());
            long bytes = products.get(0).bytes();
            listener.accept(library(library, on.name(), shape, bytes, 2.0 * n * codes.values().length, times));
            return times;
        }
    }

    private Measurement library(String name, String on, String shape, long bytes, double flops, Times times) {
        return new Measurement(
                library(name),
                on,
                shape,
                name.substring(name.lastIndexOf(' ') + 1),
                bytes,
                flops,
                Bound.MEMORY,
                times,
                roof,
                OptionalDouble.empty(),
                OptionalDouble.empty());
    }

    /** A library's name without the type behind it. */
    static String library(String name) {
        return name.substring(0, name.lastIndexOf(' '));
    }

    <T extends AutoCloseable> Copies<T> copies(long bytes, IntFunction<T> make) {
        return new Copies<>(copies(bytes, rotation), make);
    }

    Matrix upload(double[] values, int rows) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        Matrix matrix = backend.allocate(rows, values.length / rows, DType.F32);
        backend.write(matrix, floats);
        return matrix;
    }

    /** Values that bf16 holds. */
    static double[] tokens(int n, int features) {
        SplittableRandom random = new SplittableRandom(features);
        return random.doubles((long) n * features)
                .map(value -> Bfloat16.round((float) (value - 0.5)))
                .toArray();
    }

    /** {@code z (tokens, k) · codesᵀ} in f64. */
    static double[] product(Codes codes, double[] z) {
        int n = z.length / codes.k();
        double[] out = new double[n * codes.rows()];
        IntStream.range(0, codes.rows()).parallel().forEach(i -> {
            for (int t = 0; t < n; t++) {
                double sum = 0;
                for (int p = i * codes.s(); p < (i + 1) * codes.s(); p++) {
                    sum += z[t * codes.k() + codes.atoms()[p]] * codes.values()[p];
                }
                out[t * codes.rows() + i] = sum;
            }
        });
        return out;
    }

    void check(String what, double[] expected, Matrix actual, double allowance) {
        float[] found = backend.readFloats(actual);
        double largest = 0;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            double off = Math.abs(expected[i] - found[i]);
            worst = off <= worst ? worst : off; // a NaN stays
        }
        if (!(worst <= allowance * largest)) {
            throw new CospadiException(
                    what + " is off by " + worst + " where the largest result is " + largest + "; nothing is timed");
        }
    }

    static String name(DType type) {
        return type.name().toLowerCase(Locale.ROOT);
    }

    static String shape(int n, int inner, int outputs) {
        return n + " x " + inner + " x " + outputs;
    }
}
