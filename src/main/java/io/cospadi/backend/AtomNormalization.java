package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.concurrent.atomic.AtomicLong;

/** Unit norms for atoms, as operations on whole matrices. */
final class AtomNormalization {
    private final Elementwise elementwise;
    private final Reductions reductions;
    private final AtomicLong allocated;

    AtomNormalization(Elementwise elementwise, Reductions reductions, AtomicLong allocated) {
        this.elementwise = elementwise;
        this.reductions = reductions;
        this.allocated = allocated;
    }

    /** As {@link SparseCodingVerbs#normalizeAtoms}. */
    void normalize(NativeMatrix dictionary, NativeMatrix previous, NativeMatrix codes) {
        int k = dictionary.rows();
        try (NativeMatrix squares = NativeMatrix.allocate(1, k, DType.F32, allocated);
                NativeMatrix factors = NativeMatrix.allocate(1, k, DType.F32, allocated)) {
            reductions.rowDots(dictionary, dictionary, squares);
            elementwise.power(squares, 0.5, factors);
            elementwise.scaleColumns(codes, factors);
            elementwise.power(squares, -0.5, factors);
            elementwise.scaleRows(dictionary, factors);
            elementwise.scaleRows(previous, factors);
        }
    }
}
