package io.cospadi.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Footprint;
import io.cospadi.backend.TestBackends;
import io.cospadi.benchmark.Measurement.Bound;
import io.cospadi.decoder.SyntheticWeights.Size;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.FullDevice;
import io.cospadi.tensor.DeviceMemoryException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every case of the kernels' benchmark at small sizes, on the processor and on a GPU in emulation. */
class KernelsTest {
    /** The GPU with so little memory that measuring its rate takes no time to speak of. */
    private static Backend open(String name) {
        return name.equals("cpu") ? new CpuBackend(2) : TestBackends.on(new EmulatedCuda(), 64 << 20);
    }

    private static Footprint footprint(String name) {
        return name.equals("cpu") ? Footprint.CPU : Footprint.CUDA;
    }

    private static List<String> names(List<Measurement> measured) {
        return measured.stream().map(m -> m.kernel() + " " + m.on()).toList();
    }

    private static void requireSense(Measurement m) {
        assertTrue(m.times().median() > 0 && m.times().median() <= m.times().slow(), m.toString());
        assertTrue(m.rate() > 0 && m.roof() > 0 && m.share() > 0 && m.bytes() > 0, m.toString());
    }

    /** What a dry run lists is what is measured, in its order; how many slots a GPU's codes take, only their support tells. */
    private static void requireListed(List<BenchCase> listed, List<Measurement> measured) {
        assertEquals(
                measured.stream()
                        .map(m -> m.kernel() + " " + m.on() + " " + m.shape() + " " + m.flops())
                        .toList(),
                listed.stream()
                        .map(c -> c.kernel() + " " + c.on() + " " + c.shape() + " " + c.flops())
                        .toList());
        for (int i = 0; i < listed.size(); i++) {
            BenchCase each = listed.get(i);
            double found = measured.get(i).bytes();
            boolean guessed = measured.get(i).type().contains("packed")
                    && measured.stream().anyMatch(m -> m.kernel().equals("cuBLAS"));
            assertEquals(found, each.bytes(), guessed ? 0.15 * found : 0, each.toString());
            assertTrue(each.memory() >= each.bytes() / 2, each.toString());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void projectionsAreSetBesideLibraries(String name) {
        List<Measurement> measured = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        try (Backend backend = open(name)) {
            ProjectionKernels kernels = new ProjectionKernels(backend, 2, 0, measured::add, notes::add);
            ProjectionCases cases = new ProjectionCases(footprint(name), 0);
            for (Size size : List.of(new Size(37, 18, 0), new Size(32, 16, 16))) {
                FactoredProjection projection = new FactoredProjection("gate,up", 48, 80, 0.2, size);
                kernels.run(projection);
                cases.projection(projection);
            }
            assertEquals(0, backend.allocatedBytes());
            requireListed(cases.cases(), measured);
        }
        assertEquals(List.of(), notes);
        boolean cuda = name.equals("cuda");
        String dense = cuda ? "cuBLAS" : "OpenBLAS";
        List<String> expected = new ArrayList<>(List.of(dense + " gate,up"));
        for (String on : List.of("gate,up 0.2", "gate,up 0.2, 8:16")) {
            expected.addAll(List.of(dense + " " + on, "dictionary " + on));
            for (int n : new int[] {1, 2, 8, 16, 32, 64}) {
                expected.add(dense + " " + on);
                if (cuda) {
                    expected.add("cuSPARSE CSR " + on);
                }
                expected.add("codes " + on);
            }
            expected.add("projection " + on);
        }
        assertEquals(expected, names(measured));
        for (Measurement m : measured) {
            requireSense(m);
            boolean own = List.of("dictionary", "codes", "projection").contains(m.kernel());
            assertEquals(own, m.timesDense().isPresent(), m.toString());
            assertEquals(cuda && m.kernel().equals("codes"), m.timesSparse().isPresent(), m.toString());
        }
        Measurement whole = measured.get(expected.indexOf("projection gate,up 0.2"));
        assertEquals("1 x 48 x 80, k 37, s 18", whole.shape());
        assertEquals(2.0 * (37 * 48 + 80 * 18), whole.flops());
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void projectionsOfOneInputAreMeasuredTogether(String name) {
        List<Measurement> measured = new ArrayList<>();
        try (Backend backend = open(name)) {
            ProjectionKernels kernels = new ProjectionKernels(backend, 2, 0, measured::add, note -> {});
            List<FactoredProjection> members = List.of(
                    new FactoredProjection("q", 48, 64, 0.2, new Size(37, 18, 0)),
                    new FactoredProjection("k", 48, 32, 0.2, new Size(20, 10, 0)),
                    new FactoredProjection("v", 48, 32, 0.2, new Size(20, 10, 0)));
            new SiteKernels(kernels, backend, 2, measured::add).run(members);
            assertEquals(0, backend.allocatedBytes());
            ProjectionCases cases = new ProjectionCases(footprint(name), 0);
            cases.site(members);
            requireListed(cases.cases(), measured);
        }
        measured.forEach(KernelsTest::requireSense);
        List<Measurement> own = measured.stream()
                .filter(m -> m.on().equals("q+k+v 0.2") && !m.kernel().endsWith("BLAS"))
                .toList();
        assertEquals(List.of("dictionary q+k+v 0.2", "codes q+k+v 0.2", "projection q+k+v 0.2"), names(own));
        Measurement whole = own.get(2);
        assertEquals("1 x 48 x 128", whole.shape());
        assertEquals(2.0 * (77 * 48 + 64 * 18 + 2 * 32 * 10), whole.flops());
        assertEquals(own.get(0).bytes() + own.get(1).bytes(), whole.bytes());
        own.forEach(m -> assertTrue(m.timesDense().isPresent(), m.toString()));
        assertEquals(name.equals("cuda"), own.get(1).timesSparse().isPresent());
    }

    /** On a device that is full from one allocation on, whichever that is until the first products are measured. */
    @Test
    void operandsAreClosedWhenADeviceIsFull() {
        FactoredProjection q = new FactoredProjection("q", 48, 64, 0.2, new Size(37, 18, 0));
        FactoredProjection k = new FactoredProjection("k", 48, 32, 0.2, new Size(20, 10, 0));
        requireNothingLeft((backend, alone) -> new SiteKernels(alone, backend, 1, m -> {}).run(List.of(q, k)));
    }

    private static void requireNothingLeft(BiConsumer<Backend, ProjectionKernels> run) {
        List<Measurement> measured = new ArrayList<>();
        int allocations = 0;
        for (; measured.isEmpty(); allocations++) {
            try (Backend backend = TestBackends.on(FullDevice.after(allocations, new EmulatedCuda()), 1 << 20)) {
                ProjectionKernels alone = new ProjectionKernels(backend, 1, 0, measured::add, note -> {});
                assertThrows(DeviceMemoryException.class, () -> run.accept(backend, alone));
                assertEquals(0, backend.allocatedBytes(), "left when full after " + allocations);
            }
        }
        assertTrue(allocations > 10, allocations + " allocations");
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void solverVerbsAreSetBesideRoofs(String name) {
        List<Measurement> measured = new ArrayList<>();
        try (Backend backend = open(name)) {
            new SolverKernels(backend, 2, measured::add).run(40, 60, 37, 18);
            assertEquals(0, backend.allocatedBytes());
        }
        assertEquals(
                List.of(
                        "symmetric product ",
                        "product ",
                        "copy, keep largest ",
                        "threshold step ",
                        "add Gram ",
                        "copy, Cholesky ",
                        "copy, eigenvectors ",
                        "matching pursuit "),
                names(measured));
        measured.forEach(KernelsTest::requireSense);
        requireListed(SolverKernels.cases(40, 60, 37, 18), measured);
    }

    @Test
    void theMiddleAndTheNinthOfTenCount() {
        Times times = Times.of(new double[] {9, 1, 8, 2, 7, 3, 6, 4, 5, 10});
        assertEquals(new Times(6, 10), times);
        assertEquals(new Times(3, 3), Times.of(new double[] {3}));
    }

    @Test
    void ratesAndRatiosFollowFromTheMedian() {
        Measurement m = new Measurement(
                "codes",
                "",
                "",
                "packed",
                8e9,
                2e9,
                Bound.MEMORY,
                new Times(2, 3),
                16e9,
                OptionalDouble.of(3),
                OptionalDouble.empty());
        assertEquals(4e9, m.rate());
        assertEquals(0.25, m.share());
        assertEquals(1.5, m.timesDense().getAsDouble());
        assertTrue(m.timesSparse().isEmpty());
    }

    @Test
    void copiesAreClosedWhenOneFails() {
        List<Integer> closed = new ArrayList<>();
        assertThrows(
                IllegalStateException.class,
                () -> new Copies<AutoCloseable>(3, i -> {
                    if (i == 2) {
                        throw new IllegalStateException("no room");
                    }
                    return () -> closed.add(i);
                }));
        assertEquals(List.of(0, 1), closed);
    }
}
