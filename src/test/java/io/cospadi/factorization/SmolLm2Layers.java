package io.cospadi.factorization;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.Storage;
import io.cospadi.calibration.Calibration;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;

/**
 * Projections of the real SmolLM2-135M with Grams from 24 windows of 1,024 tokens of WikiText-2 valid, made by this project's
 * own calibration. {@code COSPADI_SMOLLM2_GRAMS} may name a folder in which the Grams stay between runs.
 */
final class SmolLm2Layers implements AutoCloseable {
    private static final WindowSettings WINDOWS = new WindowSettings(24, 1024, false, 42);

    private final Backend backend = new CpuBackend(Runtime.getRuntime().availableProcessors());
    private final Checkpoint checkpoint;
    private final GramStore grams;

    /** Skips the test, visibly, where the model and the text are not named by the environment. */
    SmolLm2Layers(Path temporary) {
        String model = System.getenv("COSPADI_SMOLLM2");
        String text = System.getenv("COSPADI_WIKITEXT2");
        assumeTrue(model != null && text != null, "needs COSPADI_SMOLLM2 and COSPADI_WIKITEXT2");
        String kept = System.getenv("COSPADI_SMOLLM2_GRAMS");
        checkpoint = Checkpoint.open(Path.of(model));
        try (Tokenizer tokenizer = Tokenizer.open(Path.of(model))) {
            TokenWindows windows = TokenWindows.read(
                    List.of(Path.of(text).resolve("valid.txt")),
                    tokenizer::encode,
                    checkpoint.config().vocabSize(),
                    WINDOWS);
            GramOrigin origin = GramOrigin.whole(
                    "SmolLM2-135M", backend, checkpoint.config().layers(), windows);
            grams = GramStore.create(kept != null ? Path.of(kept) : temporary.resolve("grams"), origin);
            Calibration.run(
                    new DenseWeights(checkpoint),
                    windows,
                    grams,
                    backend,
                    new CalibrationSettings(512L << 20, temporary),
                    Progress.NONE);
        }
    }

    Backend backend() {
        return backend;
    }

    /** Factors one projection at the size that {@code ratio} gives it under the uniform budget. */
    Factorization factorize(int layer, ProjectionType type, double ratio, SolverSettings settings) {
        Projection projection = checkpoint.config().projections().stream()
                .filter(p -> p.layer() == layer && p.type() == type)
                .findFirst()
                .orElseThrow();
        Allocation allocation = Budget.uniform(List.of(projection), ratio, Storage.of(settings.method()))
                .get(0);
        try (Matrix weight = checkpoint.load(projection.weightName(), backend);
                Matrix gram = grams.gram(projection.siteName(), backend)) {
            Problem problem = new Problem(projection.name(), weight, gram);
            return Factorizer.of(settings)
                    .factorize(backend, problem, allocation.k(), allocation.s(), RoundListener.NONE);
        }
    }

    @Override
    public void close() {
        checkpoint.close();
        backend.close();
    }
}
