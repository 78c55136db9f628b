package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.format.Verifier;
import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.FullDevice;
import io.cospadi.gpu.SlowDoubles;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DeviceMemoryException;
import io.cospadi.tensor.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A job on a GPU gets along with the memory that was foretold, and is refused where there is less. */
class DeviceMemoryLimitTest {
    @TempDir
    Path folder;

    /** With a store of Grams, so that factorising needs most; or calibrating itself, which here needs more. */
    private static long foretold(TinyJob job, Recipe recipe, boolean withGrams) {
        try (Checkpoint model = Checkpoint.open(job.model())) {
            return Plan.of(model, recipe, withGrams, 1, 0).peakMemory().matrices();
        }
    }

    @Test
    void whatWasForetoldIsEnough() {
        TinyJob job = TinyJob.in(folder);
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        for (CudaCalls device : List.of(new EmulatedCuda(), SlowDoubles.on(new EmulatedCuda()))) {
            String out = "out" + device.properties().fullRateDoubles();
            try (Backend backend = TestBackends.on(device, foretold(job, recipe, true))) {
                job.run(recipe, out, backend);
                Verifier.verify(job.out(out), Progress.NONE);
                assertEquals(0, backend.allocatedBytes(), "matrices left behind");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "budget: uniform\n",
                "budget: uniform\nvalue-bits: 4\ndictionary-bits: 4\n",
                "budget: uniform\nshare: 2\nvalue-bits: 4\ndictionary-bits: 4\n",
                "method: gptq\n"
            })
    void whatWasForetoldOfFactorisingIsEnough(String options) {
        TinyJob job = TinyJob.in(folder);
        Recipe recipe = TinyJob.recipe(options);
        try (Backend backend = new CpuBackend(1)) {
            new CalibrationJob(
                            job.model(),
                            List.of(job.data()),
                            job.out("stats"),
                            new WindowSettings(8, 16, false, 42),
                            Optional.empty())
                    .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        }
        JobPlaces places =
                new JobPlaces(job.model(), job.out("out"), List.of(), Optional.of(job.out("stats")), false, false);
        try (Backend backend = TestBackends.on(new EmulatedCuda(), foretold(job, recipe, false))) {
            job.run(recipe, places, backend, JobListener.NONE, () -> false);
            Verifier.verify(job.out("out"), Progress.NONE);
            assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        }
    }

    @Test
    void lessIsRefusedBeforeAnyCompute() {
        TinyJob job = TinyJob.in(folder);
        Recipe recipe = TinyJob.recipe("");
        long needed = foretold(job, recipe, true);
        for (long memory : new long[] {needed - 1, 4096}) {
            try (Backend backend = TestBackends.on(new EmulatedCuda(), memory)) {
                CospadiException refused = assertThrows(CospadiException.class, () -> job.run(recipe, "out", backend));
                assertTrue(
                        refused.getMessage().contains("needs about " + needed + " bytes on cuda emulation"),
                        refused.getMessage());
                assertTrue(refused.getMessage().contains("which has " + memory + " left"), refused.getMessage());
                assertTrue(refused.getMessage().contains("--max-vram"), refused.getMessage());
            }
            assertFalse(Files.exists(job.out("out.work")), "nothing was begun");
        }
        try (Backend backend = TestBackends.on(new EmulatedCuda(needed - 1), Long.MAX_VALUE)) {
            assertThrows(CospadiException.class, () -> job.run(recipe, "out", backend));
        }
    }

    /** Another program may take what was free when the job began. */
    @Test
    void memoryThatEndsInMidJobIsNamedAndTheSameCommandGoesOn() {
        TinyJob job = TinyJob.in(folder);
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        CallCounts counts = new CallCounts(new EmulatedCuda());
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE)) {
            job.run(recipe, "whole", backend);
        }
        Set<String> phases = new TreeSet<>();
        String last = "";
        int all = counts.of("allocate");
        for (int allocations = 1; allocations < all; allocations += all / 3) {
            String out = "out" + allocations;
            CudaCalls full = FullDevice.after(allocations, new EmulatedCuda());
            try (Backend backend = TestBackends.on(full, Long.MAX_VALUE)) {
                DeviceMemoryException refused =
                        assertThrows(DeviceMemoryException.class, () -> job.run(recipe, out, backend));
                Matcher said = Pattern.compile(
                                "(\\w+)( .*)?: full after \\d+ allocations; what is finished is kept, .*")
                        .matcher(refused.getMessage());
                assertTrue(said.matches(), refused.getMessage());
                phases.add(said.group(1));
                assertEquals(0, backend.allocatedBytes(), "matrices left behind");
            }
            last = out;
        }
        assertTrue(phases.size() >= 2, phases.toString());
        try (Backend backend = TestBackends.emulated()) {
            job.run(recipe, last, backend);
        }
        assertEquals(TinyJob.contents(job.out("whole")), TinyJob.contents(job.out(last)));
    }

    /** A pursuit takes 8 bytes for each of k, rounded up to 4, and s; a kibibyte of what a block can share is kept for else. */
    @Test
    void aPursuitThatDoesNotFitIntoABlockIsRefusedBeforeAnyCompute() {
        TinyJob job = TinyJob.in(folder);
        Recipe recipe = TinyJob.recipe("budget: uniform\nsolver: ksvd\nshare: 1\n");
        int k;
        int s;
        try (Checkpoint model = Checkpoint.open(job.model())) {
            Allocation last = Plan.of(model, recipe, true, 1, 0).allocations().get(4);
            k = last.k();
            s = last.s();
        }
        int needed = 8 * ((k + 3) / 4 * 4 + s);
        CallCounts counts = new CallCounts(EmulatedCuda.withShared((1 << 10) + needed - 8));
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE)) {
            CospadiException refused = assertThrows(CospadiException.class, () -> job.run(recipe, "out", backend));
            assertTrue(
                    refused.getMessage()
                            .matches("model\\.layers\\.0\\.\\S+: pursuits of s=" + s + " of k=" + k + " atoms need "
                                    + needed + " bytes of shared memory a block, and this GPU allows " + (needed - 8)
                                    + "; .*"),
                    refused.getMessage());
        }
        assertEquals(0, counts.of("allocate"));
        assertFalse(Files.exists(job.out("out.work")), "nothing was begun");
        Recipe staged = TinyJob.recipe("budget: uniform\nsolver: ksvd-blocked\npursuit: staged\nshare: 1\n");
        try (Backend backend = TestBackends.on(EmulatedCuda.withShared(48 << 10), Long.MAX_VALUE)) {
            job.run(staged, "staged", backend);
        }
    }
}
