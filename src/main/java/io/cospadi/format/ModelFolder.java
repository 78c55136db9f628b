package io.cospadi.format;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.ModelWeights;
import java.nio.file.Path;

/** Opens a model folder, whichever kind it is. */
public final class ModelFolder {
    private ModelFolder() {}

    /**
     * The weights of a dense or compact folder, checked as far as headers go; the caller closes them.
     *
     * @throws io.cospadi.tensor.CospadiException naming file and tensor, found and expected
     */
    public static ModelWeights open(Path folder) {
        Checkpoint checkpoint = Checkpoint.open(folder);
        if (checkpoint.compactBlock() != null) {
            return CompactModel.of(checkpoint);
        }
        try {
            checkpoint.requireDense();
            return new DenseWeights(checkpoint);
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }
}
