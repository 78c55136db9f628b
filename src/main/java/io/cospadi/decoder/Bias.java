package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** The bias row that a projection may have (Qwen2's q, k, v) or lack: null stands for none. */
final class Bias {
    private Bias() {}

    static Matrix checked(Matrix bias, int d2) {
        if (bias != null && (bias.rows() != 1 || bias.cols() != d2)) {
            throw new IllegalArgumentException(
                    "bias of " + d2 + " outputs must be (1, " + d2 + "), got " + bias.shape());
        }
        return bias;
    }

    static void add(Backend backend, Matrix bias, Matrix out) {
        if (bias != null) {
            backend.addBias(out, bias);
        }
    }

    static long bytes(Matrix bias) {
        return bias == null ? 0 : 4L * bias.cols();
    }

    static void close(Matrix bias) {
        if (bias != null) {
            bias.close();
        }
    }
}
