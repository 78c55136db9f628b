package io.cospadi.benchmark;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import io.cospadi.benchmark.Measurement.Bound;
import io.cospadi.decoder.SyntheticWeights;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;

/**
 * Products of a single token with the projections of one input, such as q, k and v, as the decoder asks for them: all dictionaries
 * in one go, then all codes. They are set beside the dense product of all outputs at once, dictionaries beside that of all atoms,
 * codes beside the sum of what the libraries take for each. Verified and counted as {@link ProjectionKernels} does.
 */
public final class SiteKernels {
    private final ProjectionKernels alone;
    private final Backend backend;
    private final KernelTimer timer;
    private final Consumer<Measurement> listener;

    /**
     * @param alone       measures the libraries
     * @param repetitions of which the median counts
     * @param listener    told each measurement
     */
    public SiteKernels(ProjectionKernels alone, Backend backend, int repetitions, Consumer<Measurement> listener) {
        this.alone = alone;
        this.backend = backend;
        this.timer = new KernelTimer(backend, repetitions);
        this.listener = listener;
    }

    /** What a token meets, of each projection. */
    private final class Site implements AutoCloseable {
        private final List<Matrix> dictionaries = new ArrayList<>();
        private final List<SparseMatrix> codes = new ArrayList<>();

        Site(List<RandomWeight> weights, List<SparseMatrix> packed) {
            try {
                weights.forEach(weight -> dictionaries.add(weight.upload(backend)));
                packed.forEach(each -> codes.add(backend.duplicate(each)));
            } catch (RuntimeException | Error failure) {
                close();
                throw failure;
            }
        }

        @Override
        public void close() {
            dictionaries.forEach(Matrix::close);
            codes.forEach(SparseMatrix::close);
        }
    }

    /** @param members of one input, one ratio and one kind of mask */
    public void run(List<FactoredProjection> members) {
        double roof = alone.measureRoof();
        List<Codes> codes = new ArrayList<>();
        List<Matrix> z = new ArrayList<>();
        List<Matrix> y = new ArrayList<>();
        List<SparseMatrix> packed = new ArrayList<>();
        try {
            for (FactoredProjection member : members) {
                codes.add(SyntheticWeights.codes(member.d2(), member.size()));
                z.add(backend.allocate(1, member.size().k(), DType.F32));
                y.add(backend.allocate(1, member.d2(), DType.F32));
                packed.add(backend.upload(codes.get(codes.size() - 1)));
            }
            measure(members, roof, codes, packed, z, y);
        } finally {
            z.forEach(Matrix::close);
            y.forEach(Matrix::close);
            packed.forEach(SparseMatrix::close);
        }
    }

    private void measure(
            List<FactoredProjection> members,
            double roof,
            List<Codes> codes,
            List<SparseMatrix> packed,
            List<Matrix> z,
            List<Matrix> y) {
        int d1 = members.get(0).d1();
        String name = name(members);
        List<RandomWeight> dictionaries = members.stream()
                .map(member -> new RandomWeight(member.size().k(), d1))
                .toList();
        int atoms = z.stream().mapToInt(Matrix::cols).sum();
        int outputs = y.stream().mapToInt(Matrix::cols).sum();
        long codeBytes = packed.stream().mapToLong(SparseMatrix::bytes).sum();
        DType type = backend.weightType(DType.BF16);
        long dictionaryBytes = (long) type.bytes() * atoms * d1;
        double codeFlops = packed.stream()
                .mapToDouble(each -> 2.0 * each.rows() * each.nonzerosPerRow())
                .sum();
        double dictionaryFlops = 2.0 * atoms * d1;
        double[] token = ProjectionKernels.tokens(1, d1);
        try (Matrix x = alone.upload(token, 1);
                Copies<Site> sites =
                        alone.copies(Math.min(codeBytes, dictionaryBytes), turn -> new Site(dictionaries, packed))) {
            IntConsumer first = turn -> backend.multiplyWeights(x, sites.get(turn).dictionaries, z);
            IntConsumer second = turn -> backend.multiplyCodes(z, sites.get(turn).codes, y);
            first.andThen(second).accept(0);
            for (int i = 0; i < members.size(); i++) {
                double[] expected = ProjectionKernels.product(
                        codes.get(i), dictionaries.get(i).product(token));
                alone.check(members.get(i).name() + " of " + name, expected, y.get(i), ProjectionKernels.OURS);
            }
            OptionalDouble none = OptionalDouble.empty();
            listener.accept(new Measurement(
                    "dictionary",
                    name,
                    ProjectionKernels.shape(1, d1, atoms),
                    ProjectionKernels.name(type),
                    dictionaryBytes,
                    dictionaryFlops,
                    Bound.MEMORY,
                    timer.recorded(sites.count(), first),
                    roof,
                    dense(name, atoms, d1),
                    none));
            listener.accept(new Measurement(
                    "codes",
                    name,
                    ProjectionKernels.shape(1, atoms, outputs),
                    "packed",
                    codeBytes,
                    codeFlops,
                    Bound.MEMORY,
                    timer.recorded(sites.count(), second),
                    roof,
                    denseCodes(members),
                    sparseCodes(members, codes)));
            listener.accept(new Measurement(
                    "projection",
                    name,
                    ProjectionKernels.shape(1, d1, outputs),
                    ProjectionKernels.name(type) + " and packed",
                    dictionaryBytes + codeBytes,
                    dictionaryFlops + codeFlops,
                    Bound.MEMORY,
                    timer.recorded(sites.count(), first.andThen(second)),
                    roof,
                    dense(name, outputs, d1),
                    none));
        }
    }

    /** "q+k+v 0.2". */
    static String name(List<FactoredProjection> members) {
        return members.get(0)
                .named(members.stream().map(FactoredProjection::types).collect(Collectors.joining("+")))
                .name();
    }

    private OptionalDouble dense(String on, int rows, int cols) {
        return OptionalDouble.of(alone.dense(on, rows, cols, 1).median());
    }

    private OptionalDouble denseCodes(List<FactoredProjection> members) {
        return OptionalDouble.of(members.stream()
                .mapToDouble(member ->
                        dense(member.name(), member.d2(), member.size().k()).getAsDouble())
                .sum());
    }

    /** Empty where there is no such library, or it took one of them not. */
    private OptionalDouble sparseCodes(List<FactoredProjection> members, List<Codes> codes) {
        double seconds = 0;
        for (int i = 0; i < members.size(); i++) {
            double[] token = ProjectionKernels.tokens(1, codes.get(i).k());
            OptionalDouble each = alone.sparse(
                    members.get(i), codes.get(i), 1, token, ProjectionKernels.product(codes.get(i), token));
            if (each.isEmpty()) {
                return each;
            }
            seconds += each.getAsDouble();
        }
        return OptionalDouble.of(seconds);
    }
}
