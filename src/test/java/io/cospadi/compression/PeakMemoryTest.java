package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.TestBackends;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.DeviceMemoryException;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is foretold of factorising is enough for matrices at the widest moment, whichever projection and method. */
class PeakMemoryTest {
    @TempDir
    Path folder;

    private volatile boolean done;
    private volatile long peak;

    /** Looks again and again from beside, so it may miss a moment but sees no byte too many. */
    private void watch(Backend backend) {
        while (!done) {
            peak = Math.max(peak, backend.allocatedBytes());
            Thread.onSpinWait();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "budget: uniform\nrounds: 3\n",
                "rounds: 3\n",
                "budget: uniform\nrounds: 3\nshare: 2\n",
                "budget: uniform\nrounds: 3\nshare: 2\nshare-objective: exact\n",
                "budget: uniform\nrounds: 3\nsolver: ksvd\n",
                "budget: uniform\nrounds: 3\nsolver: ksvd-blocked\npursuit: staged\n",
                "budget: uniform\nrounds: 3\nmethod: compot\n",
                "budget: uniform\nmethod: svd-llm\n",
                "budget: uniform\nmethod: basis-sharing\n",
                "budget: uniform\nrounds: 3\nvalue-bits: 4\ndictionary-bits: 4\n",
                "rounds: 3\nvalue-bits: 8\ndictionary-bits: 8\n",
                "method: gptq\n"
            })
    void whatIsForetoldOfFactorisingIsEnough(String options) throws InterruptedException {
        TinyJob job = TinyJob.in(folder);
        TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", 128)
                .with("intermediate_size", 256)
                .with("num_attention_heads", 4)
                .with("num_key_value_heads", 2)
                .with("head_dim", 32)
                .with("vocab_size", 61)
                .write(job.model());
        try (Backend backend = new CpuBackend(2)) {
            calibrate(job, backend);
            for (String type : List.of("q_proj", "k_proj", "up_proj", "down_proj")) {
                Recipe recipe = RecipeDocument.parse("ratio: 0.2\ninclude: ['" + type + "']\n" + options, "peak")
                        .recipe();
                long foretold;
                try (Checkpoint model = Checkpoint.open(job.model())) {
                    foretold = Plan.of(model, recipe, false, 2, 0).peakMemory().factorization();
                }
                done = false;
                peak = 0;
                Thread watcher = new Thread(() -> watch(backend));
                watcher.start();
                try {
                    JobPlaces places = new JobPlaces(
                            job.model(), job.out(type), List.of(), Optional.of(job.out("stats")), false, false);
                    job.run(recipe, places, backend, JobListener.NONE, () -> false);
                } finally {
                    done = true;
                    watcher.join();
                }
                assertTrue(peak <= foretold, type + ": " + peak + " of " + foretold);
            }
        }
    }

    /** To the byte, with sizes that the device's pool doesn't round. */
    @ParameterizedTest
    @CsvSource({"256,128", "256,512", "512,128"})
    void whatIsForetoldOfASolveIsWhatADeviceTakes(int k, int r) {
        long operands = 4L * k * k + 4L * k * r;
        for (int less = 0; less < 2; less++) {
            try (Backend backend = TestBackends.on(new EmulatedCuda(), operands + PeakMemory.solving(k, r) - less);
                    Matrix factor = backend.allocate(k, k, DType.F32);
                    Matrix dictionary = backend.allocate(k, r, DType.F32)) {
                backend.addToDiagonal(factor, 1);
                if (less == 0) {
                    backend.solveCholesky(factor, dictionary);
                } else {
                    assertThrows(DeviceMemoryException.class, () -> backend.solveCholesky(factor, dictionary));
                }
            }
        }
    }

    private static void calibrate(TinyJob job, Backend backend) {
        WindowSettings windows = new WindowSettings(40, 16, false, 42);
        GradientPlan gradients = GradientPlan.beside(windows, 16, OptionalInt.empty(), GradientSettings.DEFAULT);
        new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.of(gradients))
                .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
    }
}
