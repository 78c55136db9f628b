package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.concurrent.atomic.AtomicLong;

/** A step of conjugate gradients on every row of codes, as operations on whole matrices. */
final class ConjugateGradients {
    private final Transfers transfers;
    private final Elementwise elementwise;
    private final Reductions reductions;
    private final AtomicLong allocated;

    ConjugateGradients(Transfers transfers, Elementwise elementwise, Reductions reductions, AtomicLong allocated) {
        this.transfers = transfers;
        this.elementwise = elementwise;
        this.reductions = reductions;
        this.allocated = allocated;
    }

    /** As {@link SparseCodingVerbs#conjugateGradientStep}. */
    void step(
            NativeMatrix support,
            NativeMatrix image,
            NativeMatrix codes,
            NativeMatrix residual,
            NativeMatrix direction,
            NativeMatrix energy) {
        int rows = codes.rows();
        try (NativeMatrix factor = NativeMatrix.allocate(1, rows, DType.F32, allocated);
                NativeMatrix lastEnergy = NativeMatrix.allocate(1, rows, DType.F32, allocated)) {
            elementwise.restrictTo(support, image, image);
            reductions.rowDots(direction, image, factor);
            elementwise.ratio(energy, factor, factor);
            elementwise.axpyRows(factor, direction, codes);
            elementwise.scale(-1, factor);
            elementwise.axpyRows(factor, image, residual);
            transfers.copy(energy, lastEnergy);
            reductions.rowDots(residual, residual, energy);
            elementwise.ratio(energy, lastEnergy, factor);
            elementwise.scaleRows(direction, factor);
            elementwise.axpy(1, residual, direction);
        }
    }
}
