package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.HostMatrix;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Atoms that no code uses are dead storage: the rows of the target that are coded worst take their place. */
final class DeadAtoms {
    private DeadAtoms() {}

    /**
     * Replaces the atoms whose usage is 0 by as many worst-coded rows of the target, worst first, ties to the lower row. Each of
     * those rows is from now on coded by its own atom alone, exactly: so the atom lives, and the objective falls by that row's
     * error.
     *
     * @param target       Y (d2, r), read only
     * @param codes        C (d2, k), updated
     * @param usage        (1, k) F32, sums of squares of each atom's codes
     * @param dictionaries (k, r) each; the first is D, by which the rows' errors are judged; all of them get the new atoms
     * @return atoms replaced: all dead ones, or d2 where there are fewer rows
     */
    static int replace(
            Backend backend, Effort effort, Matrix target, Matrix codes, Matrix usage, Matrix... dictionaries) {
        float[] used = backend.readFloats(usage);
        int[] dead = IntStream.range(0, used.length).filter(i -> !(used[i] > 0)).toArray();
        if (dead.length == 0) {
            return 0;
        }
        int[] worst = worstCoded(backend, effort, target, codes, dictionaries[0], dead.length);
        int[] atoms = Arrays.copyOf(dead, worst.length);
        assign(backend, target, worst, atoms, codes, dictionaries);
        return atoms.length;
    }

    /** Atom {@code atoms[i]} becomes row {@code rows[i]} of the target, which it then codes alone. */
    static void assign(Backend backend, Matrix target, int[] rows, int[] atoms, Matrix codes, Matrix... dictionaries) {
        HostMatrix alone = new HostMatrix(rows.length, codes.cols());
        for (int i = 0; i < rows.length; i++) {
            alone.data()[i * codes.cols() + atoms[i]] = 1;
        }
        try (Scratch scratch = new Scratch(backend)) {
            Matrix chosen = scratch.f32(rows.length, target.cols());
            backend.gatherRows(target, rows, chosen);
            for (Matrix dictionary : dictionaries) {
                backend.scatterRows(chosen, atoms, dictionary);
            }
            backend.scatterRows(scratch.keep(backend.upload(alone)), rows, codes);
        }
    }

    /**
     * The rows i of Y with the largest ‖y_i − c_i D‖², worst first, ties to the lower row.
     *
     * @param count how many; at most d2 are returned
     */
    static int[] worstCoded(Backend backend, Effort effort, Matrix target, Matrix codes, Matrix dictionary, int count) {
        try (Scratch scratch = new Scratch(backend)) {
            Matrix residual = scratch.f32(target.rows(), target.cols());
            Matrix errors = scratch.f32(1, target.rows());
            backend.copy(target, residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            backend.rowDots(residual, residual, errors);
            float[] error = backend.readFloats(errors);
            return IntStream.range(0, error.length)
                    .boxed()
                    .sorted(Comparator.comparingDouble(i -> -error[i]))
                    .limit(count)
                    .mapToInt(Integer::intValue)
                    .toArray();
        }
    }
}
