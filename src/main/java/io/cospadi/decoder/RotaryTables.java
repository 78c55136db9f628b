package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.tensor.HostMatrix;

/**
 * Cosines and sines of every position's rotation, (positions, headDim / 2) F32.
 *
 * <p>Frequency and angle are rounded to f32 before the cosine is taken, as transformers does: at position 8,000 the rounding
 * of an angle is worth 2^-12 radians, and a model's reference logits contain exactly that.
 */
record RotaryTables(Matrix cos, Matrix sin) implements AutoCloseable {

    static RotaryTables build(Backend backend, ModelConfig config, int positions) {
        double[] frequencies = config.rope().frequencies(config.headDim());
        HostMatrix cos = new HostMatrix(positions, frequencies.length);
        HostMatrix sin = new HostMatrix(positions, frequencies.length);
        int at = 0;
        for (int position = 0; position < positions; position++) {
            for (double frequency : frequencies) {
                float angle = (float) frequency * position;
                cos.data()[at] = (float) Math.cos(angle);
                sin.data()[at] = (float) Math.sin(angle);
                at++;
            }
        }
        Matrix cosines = backend.upload(cos);
        try {
            return new RotaryTables(cosines, backend.upload(sin));
        } catch (RuntimeException | Error failure) {
            cosines.close();
            throw failure;
        }
    }

    int positions() {
        return cos.rows();
    }

    @Override
    public void close() {
        cos.close();
        sin.close();
    }
}
