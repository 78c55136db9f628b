package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;

/** The intermediate matrices of a forward pass, one set for all layers, and the rotary tables. */
final class Activations implements AutoCloseable {
    final Workspace normed;
    final Workspace queries;
    final Workspace keys;
    final Workspace values;
    final Workspace attended;
    final Workspace gate;
    final Workspace up;
    private final Backend backend;
    private final ModelConfig config;
    private RotaryTables rotary;

    Activations(Backend backend, ModelConfig config) {
        this.backend = backend;
        this.config = config;
        int heads = config.heads() * config.headDim();
        normed = new Workspace(backend, config.hiddenSize());
        queries = new Workspace(backend, heads);
        keys = new Workspace(backend, config.kvHeads() * config.headDim());
        values = new Workspace(backend, config.kvHeads() * config.headDim());
        attended = new Workspace(backend, heads);
        gate = new Workspace(backend, config.intermediateSize());
        up = new Workspace(backend, config.intermediateSize());
    }

    /** Tables that reach at least {@code positions} positions; doubled when they grow, within the model's limit. */
    RotaryTables rotary(int positions) {
        if (rotary == null || rotary.positions() < positions) {
            int size = rotary == null ? positions : Math.max(positions, 2 * rotary.positions());
            if (rotary != null) {
                rotary.close();
            }
            rotary = RotaryTables.build(backend, config, Math.max(positions, Math.min(size, config.maxPositions())));
        }
        return rotary;
    }

    private Workspace[] workspaces() {
        return new Workspace[] {normed, queries, keys, values, attended, gate, up};
    }

    @Override
    public void close() {
        for (Workspace workspace : workspaces()) {
            workspace.close();
        }
        if (rotary != null) {
            rotary.close();
            rotary = null;
        }
    }
}
