package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.DeviceTimes;
import io.cospadi.backend.TestBackends;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.compression.FactorizationBench.Measured;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.tensor.MaskGroups;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code bench compress} runs on a GPU, in emulation: each of {@code all-on-gpu.sh}'s solvers, on a small shape. */
class FactorizationBenchTest {
    private static final int TOKENS = 300;

    @TempDir
    Path temporary;

    private static SolverSettings settings(Solver solver, Pursuit pursuit, String groups) {
        SolverSettings settings =
                SolverSettings.defaults(Method.COSPADI, solver).withPursuit(pursuit);
        return groups == null
                ? settings
                : settings.withGroups(MaskGroups.of(groups).orElseThrow());
    }

    private static List<Measured> measured(
            ModelConfig config, SolverSettings settings, Backend backend, Optional<DeviceTimes> times) {
        List<Measured> all = new ArrayList<>();
        try (SyntheticBenchSource source = new SyntheticBenchSource(config, TOKENS)) {
            new FactorizationBench(source, "1", List.of(), 0.2, settings, List.of(1, 2))
                    .run(backend, times, Progress.NONE, all::add);
        }
        assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        return all;
    }

    @ParameterizedTest
    @CsvSource({"BLOCK, EXACT,", "BLOCK, EXACT, 2:4", "KSVD, EXACT,", "KSVD_BLOCKED, STAGED,", "MOD, EXACT,"})
    void itMeasuresOnADeviceWhatItMeasuresOnTheProcessor(Solver solver, Pursuit pursuit, String groups) {
        ModelConfig config = ModelConfig.parse(TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", 32)
                .with("intermediate_size", 48)
                .with("head_dim", 16)
                .write(temporary)
                .resolve("config.json"));
        SolverSettings settings = settings(solver, pursuit, groups);
        List<Measured> expected;
        try (Backend processor = new CpuBackend(2)) {
            expected = measured(config, settings, processor, processor.watch());
        }
        try (Backend backend = TestBackends.emulated()) {
            DeviceTimes times = backend.watch().orElseThrow();
            List<Measured> found = measured(config, settings, backend, Optional.of(times));
            assertEquals(expected.size(), found.size());
            for (int i = 0; i < found.size(); i++) {
                Measured m = found.get(i);
                String what = m.projection().name() + ", rounds " + m.rounds();
                assertEquals(expected.get(i).projection(), m.projection());
                assertEquals(1 + i % 2, m.rounds());
                // now and then a code takes another support, from where a solver goes another way of about the same
                // length; one round of the staged pursuit has none behind it that makes up for it: 6 % were seen
                double allowed = pursuit == Pursuit.STAGED && m.rounds() == 1 ? 0.1 : 0.05;
                assertEquals(expected.get(i).error(), m.error(), allowed * m.error(), what);
                assertEquals(
                        expected.get(i).secondsByPhase().keySet(),
                        m.secondsByPhase().keySet(),
                        what);
                assertTrue(m.flops() > 0 && m.sgemm() > 0, what);
            }
            double total = expected.stream().mapToDouble(Measured::error).sum();
            assertEquals(
                    total,
                    found.stream().mapToDouble(Measured::error).sum(),
                    0.02 * total,
                    "errors of all projections");
            List<DeviceTimes.Entry> entries = times.entries();
            assertTrue(DeviceTimes.productMilliseconds(entries) > 0, entries.toString());
        }
    }

    @Test
    void aDifferenceThatIsNoiseIsNone() {
        assertEquals(OptionalDouble.empty(), FactorizationBench.difference(1, 1.35));
        assertEquals(OptionalDouble.empty(), FactorizationBench.difference(1, 0.95));
        assertEquals(OptionalDouble.empty(), FactorizationBench.difference(0, 0));
        assertEquals(OptionalDouble.of(0.75), FactorizationBench.difference(1, 0.25));
    }
}
