package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.HostMatrix;
import io.cospadi.tensor.MaskGroups;
import java.util.stream.IntStream;

/**
 * How many codes a row keeps, and where: s anywhere, or so many in every group of neighbouring atoms. What is counted in one
 * round, and may be more than the final number while the supports are annealed, is called {@code kept}: codes of a row, or of
 * each group.
 *
 * @param s      codes a row
 * @param groups where they may lie
 */
record Sparsity(int s, MaskGroups groups) {
    /**
     * The sparsity of codes over k atoms.
     *
     * @throws IllegalArgumentException if k atoms are not whole groups, or s is not what they hold
     */
    static Sparsity of(int k, int s, MaskGroups groups) {
        if (groups != MaskGroups.NONE && (k % groups.atoms() != 0 || s != k / groups.atoms() * groups.nonzeros())) {
            throw new IllegalArgumentException("groups of " + groups.option() + " need k a multiple of "
                    + groups.atoms() + " and s = " + groups.nonzeros() + " of each, got k=" + k + ", s=" + s);
        }
        return new Sparsity(s, groups);
    }

    /** The same over k0 atoms, perhaps fewer than those that it was made for. */
    Sparsity within(int k0) {
        return new Sparsity(Math.min(s, k0), groups);
    }

    private boolean anywhere() {
        return groups == MaskGroups.NONE;
    }

    /**
     * Which of k0 axes, strongest first, each atom begins as. Strong ones are wanted by most rows, so every group gets its share
     * of them: with g groups one of the g strongest, one of the g next, and so on. On SmolLM2-135M that saves 8:16 up to 12 % of
     * the error, most where k is close to d1.
     */
    int[] order(int k0) {
        int count = anywhere() ? k0 : (k0 + groups.atoms() - 1) / groups.atoms();
        return IntStream.range(0, count)
                .flatMap(group -> IntStream.iterate(group, axis -> axis < k0, axis -> axis + count))
                .toArray();
    }

    /** Codes kept in the end. */
    int kept() {
        return anywhere() ? s : groups.nonzeros();
    }

    /** Codes kept in each round. */
    Annealing annealing(int k, int rounds) {
        return new Annealing(anywhere() ? k : groups.atoms(), kept(), rounds);
    }

    /** The largest stay, as many as in the end. */
    void keepLargest(Backend backend, Matrix codes) {
        keepLargest(backend, codes, kept());
    }

    /** The largest stay. */
    void keepLargest(Backend backend, Matrix codes, int kept) {
        if (anywhere()) {
            backend.keepLargest(codes, kept);
        } else {
            backend.keepLargestInGroups(codes, kept, groups.atoms());
        }
    }

    /** One hard-thresholded step; arguments as in {@link Backend#hardThresholdStep}. */
    void step(Backend backend, Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int kept) {
        if (anywhere()) {
            backend.hardThresholdStep(codes, residual, gradient, curvature, kept);
        } else {
            backend.hardThresholdStepInGroups(codes, residual, gradient, curvature, kept, groups.atoms());
        }
    }

    /**
     * Where codes are stored: at their nonzeros, and where a row, or group, has fewer than it holds, at its lowest unused atoms.
     *
     * @param codes   (d2, k) F32, read only
     * @param support (d2, k) F32, receives 1 there and 0 elsewhere
     */
    void markStored(Backend backend, Matrix codes, Matrix support) {
        backend.markStored(codes, kept(), anywhere() ? codes.cols() : groups.atoms(), support);
    }

    /**
     * Codes as exactly s positions a row, where marks are not 0. A row, or group, with fewer marks is filled up with its lowest
     * unmarked atoms.
     *
     * @param marks (d2, k), at most s not 0 in each row, and in each group what it may hold; may be the codes
     * @param dense the codes (d2, k)
     */
    Codes stored(Backend backend, HostMatrix marks, HostMatrix dense) {
        int d2 = dense.rows();
        int[] atoms = new int[Math.multiplyExact(d2, s)];
        float[] values = new float[atoms.length];
        backend.onHost(d2, row -> store(marks.data(), dense.data(), row, dense.cols(), atoms, values));
        return new Codes(d2, dense.cols(), s, atoms, values);
    }

    private void store(float[] marks, float[] dense, int row, int k, int[] atoms, float[] values) {
        int length = anywhere() ? k : groups.atoms();
        int begin = row * k;
        int p = row * s;
        for (int from = 0; from < k; from += length) {
            int end = p + kept();
            int spare = kept();
            for (int j = from; j < from + length; j++) {
                spare -= marks[begin + j] != 0 ? 1 : 0;
            }
            if (spare < 0) {
                throw new IllegalArgumentException("row " + row + " holds " + (kept() - spare) + " codes in atoms "
                        + from + " to " + (from + length - 1) + ", at most " + kept() + " fit");
            }
            for (int j = from; j < from + length && p < end; j++) {
                boolean marked = marks[begin + j] != 0;
                if (marked || spare > 0) {
                    spare -= marked ? 0 : 1;
                    atoms[p] = j;
                    values[p++] = dense[begin + j];
                }
            }
        }
    }
}
