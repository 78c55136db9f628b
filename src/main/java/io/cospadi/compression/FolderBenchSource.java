package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import java.nio.file.Path;
import java.util.Optional;

/** A dense model's projections; Grams of a store, or of random inputs. */
public final class FolderBenchSource implements BenchSource {
    private final Checkpoint checkpoint;
    private final GramStore grams;
    private final GramStore unseen;

    /**
     * @param model  dense folder
     * @param stats  Gram store, or null for Grams of random inputs, which cost the same
     * @param unseen Gram store of other text, or null
     */
    public FolderBenchSource(Path model, Path stats, Path unseen) {
        checkpoint = Checkpoint.open(model);
        try {
            checkpoint.requireDense();
            grams = stats == null ? null : GramStore.open(stats);
            this.unseen = unseen == null ? null : GramStore.open(unseen);
        } catch (RuntimeException | Error failure) {
            checkpoint.close();
            throw failure;
        }
    }

    @Override
    public ModelConfig config() {
        return checkpoint.config();
    }

    @Override
    public Matrix weight(Projection projection, Backend backend) {
        return checkpoint.load(projection.weightName(), backend);
    }

    @Override
    public TimedGram gram(Projection projection, Backend backend) {
        return grams == null
                ? SyntheticBenchSource.gramOf(projection.d1(), 2 * projection.d1(), backend)
                : new TimedGram(grams.gram(projection.siteName(), backend), 0);
    }

    @Override
    public double gramFlops(Projection projection) {
        return grams == null ? SyntheticBenchSource.gramFlops(projection.d1(), 2 * projection.d1()) : 0;
    }

    @Override
    public long gramMemory(Projection projection) {
        long weight = 4L * projection.d1() * projection.d2();
        return weight
                + (grams == null
                        ? SyntheticBenchSource.gramMemory(projection.d1(), 2 * projection.d1())
                        : 8L * projection.d1() * projection.d1());
    }

    @Override
    public Optional<Matrix> unseenGram(Projection projection, Backend backend) {
        return Optional.ofNullable(unseen).map(store -> store.gram(projection.siteName(), backend));
    }

    @Override
    public void close() {
        checkpoint.close();
    }
}
