package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.HostMatrix;

/** Codes over few atoms as codes over more, of which they use the first. */
final class LeadingAtoms {
    private LeadingAtoms() {}

    /** {@code wide (d2, k) <- narrow (d2, k0)} in the first k0 columns, 0 in the others; {@code k0 <= k}, both F32. */
    static void embed(Backend backend, Matrix narrow, Matrix wide) {
        if (narrow.cols() == wide.cols()) {
            backend.copy(narrow, wide);
            return;
        }
        HostMatrix ones = new HostMatrix(narrow.cols(), wide.cols());
        for (int i = 0; i < narrow.cols(); i++) {
            ones.data()[i * wide.cols() + i] = 1;
        }
        try (Matrix embedding = backend.upload(ones)) {
            backend.gemm(1, narrow, false, embedding, false, 0, wide);
        }
    }
}
