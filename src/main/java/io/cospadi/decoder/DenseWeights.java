package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import java.util.HashMap;
import java.util.Map;

/**
 * The weights of an ordinary Hugging Face folder. A reader of another layout keeps one for the tensors that both layouts have.
 */
public final class DenseWeights implements ModelWeights {
    private final Checkpoint checkpoint;
    private final Map<String, StoredRows> tables = new HashMap<>();

    /** @param checkpoint owned from here on: closed with this */
    public DenseWeights(Checkpoint checkpoint) {
        this.checkpoint = checkpoint;
    }

    @Override
    public ModelConfig config() {
        return checkpoint.config();
    }

    @Override
    public boolean has(String name) {
        return checkpoint.has(name);
    }

    @Override
    public Matrix tensor(String name, Backend backend) {
        return checkpoint.load(name, backend);
    }

    @Override
    public Matrix weight(String name, Backend backend) {
        return checkpoint.loadWeight(name, backend);
    }

    @Override
    public void gatherRows(String name, int[] rows, Matrix out, Backend backend) {
        tables.computeIfAbsent(name, key -> new StoredRows(checkpoint, checkpoint.tensor(key)))
                .gather(rows, out, backend);
    }

    @Override
    public Linear projection(Projection projection, Backend backend) {
        Matrix weight = weight(projection.weightName(), backend);
        try {
            return new DenseLinear(weight, biasOrNull(projection, backend));
        } catch (RuntimeException | Error failure) {
            weight.close();
            throw failure;
        }
    }

    /** The projection's bias, (1, d2) F32, or null where the model has none; the caller closes it. */
    public Matrix biasOrNull(Projection projection, Backend backend) {
        return config().hasBias(projection.type()) ? tensor(projection.biasName(), backend) : null;
    }

    @Override
    public void close() {
        checkpoint.close();
    }
}
