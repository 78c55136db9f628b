package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;

/** Another model's weights; a test overrides what it needs to differ. */
public class DelegatingWeights implements ModelWeights {
    private final ModelWeights weights;

    /** @param weights closed with this */
    public DelegatingWeights(ModelWeights weights) {
        this.weights = weights;
    }

    @Override
    public ModelConfig config() {
        return weights.config();
    }

    @Override
    public boolean has(String name) {
        return weights.has(name);
    }

    @Override
    public Matrix tensor(String name, Backend backend) {
        return weights.tensor(name, backend);
    }

    @Override
    public void gatherRows(String name, int[] rows, Matrix out, Backend backend) {
        weights.gatherRows(name, rows, out, backend);
    }

    @Override
    public Linear projection(Projection projection, Backend backend) {
        return weights.projection(projection, backend);
    }

    @Override
    public void close() {
        weights.close();
    }
}
