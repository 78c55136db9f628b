package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.tensor.DType;

/**
 * Keys and values of every position seen so far, per layer, F32: {@code 2 · layers · capacity · kvHeads · headDim · 4} bytes.
 * Layers with a sliding window keep all positions too.
 */
public final class KvCache implements AutoCloseable {
    private final Matrix[] keys;
    private final Matrix[] values;
    private final int capacity;

    /** A cache for {@code capacity} positions of every layer. */
    public KvCache(Backend backend, ModelConfig config, int capacity) {
        this(backend, config, capacity, config.layers());
    }

    private KvCache(Backend backend, ModelConfig config, int capacity, int layers) {
        this.capacity = capacity;
        keys = new Matrix[layers];
        values = new Matrix[layers];
        int cols = config.kvHeads() * config.headDim();
        try {
            for (int layer = 0; layer < layers; layer++) {
                keys[layer] = backend.allocate(capacity, cols, DType.F32);
                values[layer] = backend.allocate(capacity, cols, DType.F32);
            }
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    /** A cache that one layer after the other uses: a window that is seen once needs no more. */
    static KvCache ofOneLayer(Backend backend, ModelConfig config, int capacity) {
        return new KvCache(backend, config, capacity, 1);
    }

    /** Positions that fit. */
    public int capacity() {
        return capacity;
    }

    Matrix keys(int layer) {
        return keys[keys.length == 1 ? 0 : layer];
    }

    Matrix values(int layer) {
        return values[values.length == 1 ? 0 : layer];
    }

    @Override
    public void close() {
        for (Matrix matrix : keys) {
            if (matrix != null) {
                matrix.close();
            }
        }
        for (Matrix matrix : values) {
            if (matrix != null) {
                matrix.close();
            }
        }
    }
}
