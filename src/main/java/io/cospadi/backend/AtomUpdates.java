package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;

/** K-SVD's update of one atom after the other, the rows that use the atom gathered into a matrix of their own. */
final class AtomUpdates {
    private final Transfers transfers;
    private final Elementwise elementwise;
    private final Reductions reductions;
    private final DenseProducts products;
    private final AtomicLong allocated;

    AtomUpdates(
            Transfers transfers,
            Elementwise elementwise,
            Reductions reductions,
            DenseProducts products,
            AtomicLong allocated) {
        this.transfers = transfers;
        this.elementwise = elementwise;
        this.reductions = reductions;
        this.products = products;
        this.allocated = allocated;
    }

    /** As {@link SparseCodingVerbs#updateAtoms}. */
    void run(NativeMatrix residual, NativeMatrix dictionary, NativeMatrix codes, int s, int iterations) {
        int[][] users = HardThreshold.rowsUsing(codes);
        long nonzeros = Arrays.stream(users).mapToLong(rows -> rows.length).sum();
        Shapes.require(nonzeros <= (long) codes.rows() * s, "updateAtoms", s + " codes a row at most", nonzeros, codes);
        int most = Arrays.stream(users).mapToInt(rows -> rows.length).max().orElse(0);
        try (NativeMatrix room = NativeMatrix.allocate(most, residual.cols(), DType.F32, allocated)) {
            for (int i = 0; i < users.length; i++) {
                if (users[i].length > 0) {
                    NativeMatrix error = NativeMatrix.own(room.rows(0, users[i].length));
                    NativeMatrix atom = NativeMatrix.own(dictionary.rows(i, 1));
                    update(residual, atom, codes, i, users[i], error, iterations);
                }
            }
        }
    }

    private void update(
            NativeMatrix residual,
            NativeMatrix atom,
            NativeMatrix codes,
            int column,
            int[] rows,
            NativeMatrix error,
            int iterations) {
        try (NativeMatrix values = NativeMatrix.allocate(1, rows.length, DType.F32, allocated)) {
            transfers.gatherRows(residual, rows, error);
            transfers.gatherColumn(codes, column, rows, values);
            products.gemm(1, values, true, atom, false, 1, error);
            fit(error, atom, values, iterations);
            products.gemm(-1, values, true, atom, false, 1, error);
            transfers.scatterRows(error, rows, residual);
            transfers.scatterColumn(values, rows, codes, column);
        }
    }

    private void fit(NativeMatrix error, NativeMatrix atom, NativeMatrix values, int iterations) {
        try (NativeMatrix factor = NativeMatrix.allocate(1, 1, DType.F32, allocated)) {
            for (int i = 0; i < iterations; i++) {
                products.gemm(1, atom, false, error, true, 0, values);
                products.gemm(1, values, false, error, false, 0, atom);
                reductions.rowDots(atom, atom, factor);
                elementwise.power(factor, -0.5, factor);
                elementwise.scaleRows(atom, factor);
            }
            products.gemm(1, atom, false, error, true, 0, values);
        }
    }
}
