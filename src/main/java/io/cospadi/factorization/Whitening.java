package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.Arrays;

/**
 * The problem with its metric absorbed: a target Y (d2, r) with {@code Y Yᵀ = W G Wᵀ}, so that fitting Y in the plain
 * Frobenius norm is fitting W under G: {@code tr((W − S D) G (W − S D)ᵀ) = ‖Y − S D_Y‖²}. Output weights H are absorbed first,
 * W below being √H W (Cᵀ W for a full H = C Cᵀ), and a solver's codes √H S. The columns of Y are as few as the
 * rank allows, {@code r <= min(d1, d2)}, and no shift is ever added to G. Three routes, all in f64:
 *
 * <ul>
 *   <li>{@code d1 <= d2}: {@code G = L Lᵀ} by Cholesky, {@code Y = W L}, {@code D = D_Y L⁻¹};
 *   <li>the same with G singular to working precision: {@code G = Vᵀ Λ V}, its null directions left out,
 *       {@code Y = W Vᵀ √Λ}, {@code D = D_Y √Λ⁻¹ V} (the pseudo-inverse: directions that the data never showed get no weight);
 *   <li>{@code d1 > d2}: {@code P = W G Wᵀ = Vᵀ Σ² V}, {@code Y = Vᵀ Σ}, {@code D = D_Y Σ⁻¹ V W}: G itself, the larger
 *       matrix, is never factored.
 * </ul>
 *
 * Y is scaled so that its rows have unit mean square; {@link #unwhiten} undoes that. Cost: at most
 * {@code 2 d1² d2 + 2 d1 d2 r + 9 min(d1, d2)³} operations.
 */
final class Whitening {
    /** Directions with less than this share of the largest energy are numerically null in f64. */
    private static final double NULL_ENERGY = 1e-13;

    private final Backend backend;
    private final Effort effort;
    private final Scratch scratch;
    private final Matrix target;
    private final double energy;
    private final double outputEnergy;
    private final double scale;
    /** L of the first route, else null. */
    private final Matrix choleskyFactor;
    /** (r, d1) F64 with {@code D = D_Y · map} of the other routes, else null. */
    private final Matrix map;

    private final double[] sigma;
    private PrincipalAxes principalAxes;

    private Whitening(
            Backend backend,
            Effort effort,
            Scratch scratch,
            Matrix target,
            double energy,
            double outputEnergy,
            double scale,
            Matrix choleskyFactor,
            Matrix map,
            double[] sigma) {
        this.backend = backend;
        this.effort = effort;
        this.scratch = scratch;
        this.target = target;
        this.energy = energy;
        this.outputEnergy = outputEnergy;
        this.scale = scale;
        this.choleskyFactor = choleskyFactor;
        this.map = map;
        this.sigma = sigma;
    }

    /**
     * Whitens {@code problem} with its own Gram.
     *
     * @throws CospadiException if G is not positive semidefinite, not finite, or shows no energy at all
     */
    static Whitening of(Backend backend, Effort effort, Scratch scratch, Problem problem) {
        return of(backend, effort, scratch, problem, problem.gram());
    }

    /**
     * The same by one of the first two routes, whatever the shape: every direction of the inputs that G shows is kept, so
     * that {@link #whitened} of another metric means something.
     */
    static Whitening byInputs(Backend backend, Effort effort, Scratch scratch, Problem problem) {
        try (Matrix weight64 = scaledWeight(backend, problem)) {
            return byInputs(backend, effort, scratch, problem, weight64, problem.gram());
        }
    }

    /** The same under any symmetric positive semidefinite metric (d1, d1) F64 in G's place, read only. */
    static Whitening of(Backend backend, Effort effort, Scratch scratch, Problem problem, Matrix metric) {
        try (Matrix weight64 = scaledWeight(backend, problem)) {
            return problem.d1() > problem.d2()
                    ? byOutputs(backend, effort, scratch, problem, weight64, metric)
                    : byInputs(backend, effort, scratch, problem, weight64, metric);
        }
    }

    /** √H W in F64; the caller closes it. */
    private static Matrix scaledWeight(Backend backend, Problem problem) {
        Matrix weight64 = backend.allocate(problem.d2(), problem.d1(), DType.F64);
        backend.copy(problem.weight(), weight64);
        problem.outputs().absorb(backend, weight64);
        return weight64;
    }

    private static Whitening byInputs(
            Backend backend, Effort effort, Scratch scratch, Problem problem, Matrix weight, Matrix metric) {
        int d1 = problem.d1();
        Matrix factor = scratch.f64(metric);
        if (effort.cholesky(factor) && wellConditioned(backend, factor)) {
            try (Matrix target = backend.allocate(problem.d2(), d1, DType.F64)) {
                effort.gemm(1, weight, false, factor, false, 0, target);
                return scaled(backend, effort, scratch, problem, target, factor, null, null);
            }
        }
        factor.close();
        return byEigenvectors(backend, effort, scratch, problem, weight, metric);
    }

    /** Whether every pivot of the factor stands well above rounding, so that solves with it mean something. */
    private static boolean wellConditioned(Backend backend, Matrix factor) {
        try (Matrix diagonal = backend.allocate(1, factor.rows(), DType.F64)) {
            backend.diagonal(factor, diagonal);
            double smallest = Double.POSITIVE_INFINITY;
            double largest = 0;
            for (double pivot : backend.readDoubles(diagonal)) {
                smallest = Math.min(smallest, pivot);
                largest = Math.max(largest, pivot);
            }
            return smallest * smallest > NULL_ENERGY * largest * largest;
        }
    }

    private static Whitening byEigenvectors(
            Backend backend, Effort effort, Scratch scratch, Problem problem, Matrix weight, Matrix metric) {
        int d1 = weight.cols();
        try (Matrix vectors = backend.allocate(d1, d1, DType.F64)) {
            backend.copy(metric, vectors);
            double[] values = spectrum(effort, problem.name(), vectors);
            int rank = rank(values);
            Matrix map = scratch.f64(rank, d1);
            try (Matrix target = backend.allocate(weight.rows(), rank, DType.F64)) {
                try (Matrix kept = backend.allocate(rank, d1, DType.F64)) {
                    backend.gatherRows(vectors, descending(d1, rank), kept);
                    backend.copy(kept, map);
                    scaleRows(backend, kept, power(values, rank, 0.5));
                    scaleRows(backend, map, power(values, rank, -0.5));
                    effort.gemm(1, weight, false, kept, true, 0, target);
                }
                return scaled(backend, effort, scratch, problem, target, null, map, null);
            }
        }
    }

    static Whitening byOutputs(
            Backend backend, Effort effort, Scratch scratch, Problem problem, Matrix weight, Matrix metric) {
        int d1 = weight.cols();
        int d2 = weight.rows();
        try (Matrix product = backend.allocate(d2, d1, DType.F64);
                Matrix vectors = backend.allocate(d2, d2, DType.F64)) {
            effort.gemm(1, weight, false, metric, false, 0, product);
            effort.gemm(1, product, false, weight, true, 0, vectors);
            double[] values = spectrum(effort, problem.name(), vectors);
            int rank = rank(values);
            Matrix map = scratch.f64(rank, d1);
            try (Matrix target = backend.allocate(d2, rank, DType.F64)) {
                try (Matrix kept = backend.allocate(rank, d2, DType.F64)) {
                    backend.gatherRows(vectors, descending(d2, rank), kept);
                    scaleRows(backend, kept, power(values, rank, 0.5));
                    backend.transpose(kept, target);
                    scaleRows(backend, kept, power(values, rank, -1));
                    effort.gemm(1, kept, false, weight, false, 0, map);
                }
                return scaled(backend, effort, scratch, problem, target, null, map, power(values, rank, 0.5));
            }
        }
    }

    /**
     * Ends with the F32 target.
     *
     * @param target64 Y but for its scale, which it gets
     * @param factor   and the others as the result keeps them, in its scratch
     */
    private static Whitening scaled(
            Backend backend,
            Effort effort,
            Scratch scratch,
            Problem problem,
            Matrix target64,
            Matrix factor,
            Matrix map,
            double[] sigma) {
        OutputWeights.Energies energies = problem.outputs().energies(backend, target64);
        double energy = energies.objective();
        if (!(energy > 0) || !Double.isFinite(energy)) {
            throw new CospadiException(problem.name() + ": the output energy tr(W G Wᵀ) on the calibration data is "
                    + energy + ", a finite positive number is needed; check the weight and the calibration text");
        }
        double scale = Math.sqrt(target64.rows() / energy);
        backend.scale(scale, target64);
        Matrix target = scratch.f32(target64);
        double outputEnergy = Arrays.stream(energies.plain()).sum();
        return new Whitening(backend, effort, scratch, target, energy, outputEnergy, scale, factor, map, sigma);
    }

    private static double[] spectrum(Effort effort, String name, Matrix matrix) {
        double[] values = effort.eigenSymmetric(matrix);
        double largest = values[values.length - 1];
        if (!(largest > 0) || values[0] < -1e-6 * largest) {
            throw new CospadiException(name + ": the Gram matrix is not positive semidefinite (eigenvalues from "
                    + values[0] + " to " + largest + ", d1 = " + matrix.rows() + "); calibrate again");
        }
        return values;
    }

    private static int rank(double[] ascending) {
        int n = ascending.length;
        int rank = 0;
        while (rank < n && ascending[n - 1 - rank] > NULL_ENERGY * ascending[n - 1]) {
            rank++;
        }
        return rank;
    }

    private static int[] descending(int n, int count) {
        int[] rows = new int[count];
        for (int i = 0; i < count; i++) {
            rows[i] = n - 1 - i;
        }
        return rows;
    }

    /** The {@code count} largest values, descending, each to the power {@code exponent}. */
    private static double[] power(double[] ascending, int count, double exponent) {
        double[] powers = new double[count];
        for (int i = 0; i < count; i++) {
            powers[i] = Math.pow(ascending[ascending.length - 1 - i], exponent);
        }
        return powers;
    }

    private static void scaleRows(Backend backend, Matrix matrix, double[] factors) {
        try (Matrix vector = backend.allocate(1, factors.length, DType.F64)) {
            backend.write(vector, factors);
            backend.scaleRows(matrix, vector);
        }
    }

    /** Y (d2, r) F32, rows of unit mean square; owned by this, must not be changed. */
    Matrix target() {
        return target;
    }

    /** r, the rank to working precision of what was factored. */
    int rank() {
        return target.cols();
    }

    /** tr(H W G Wᵀ), what the solver's relative errors are shares of. */
    double energy() {
        return energy;
    }

    /** tr(W G Wᵀ), whatever the output weights. */
    double outputEnergy() {
        return outputEnergy;
    }

    /** The right singular vectors of Y, strongest first; computed once, owned by this. */
    PrincipalAxes principalAxes() {
        if (principalAxes == null) {
            principalAxes = decompose();
        }
        return principalAxes;
    }

    private PrincipalAxes decompose() {
        int r = rank();
        Matrix axes = scratch.f32(r, r);
        try (Matrix vectors = backend.allocate(r, r, DType.F64)) {
            if (sigma != null) { // Y = Vᵀ Σ: its axes are the coordinate axes
                backend.addToDiagonal(vectors, 1);
                backend.copy(vectors, axes);
                return new PrincipalAxes(axes, sigma);
            }
            try (Matrix target64 = backend.allocate(target.rows(), r, DType.F64);
                    Matrix sorted = backend.allocate(r, r, DType.F64)) {
                backend.copy(target, target64);
                effort.symmetricProduct(target64, true, vectors);
                double[] values = effort.eigenSymmetric(vectors);
                backend.gatherRows(vectors, descending(r, r), sorted);
                backend.copy(sorted, axes);
                double[] singular = new double[r];
                for (int i = 0; i < r; i++) {
                    singular[i] = Math.sqrt(Math.max(0, values[r - 1 - i])) / scale;
                }
                return new PrincipalAxes(axes, singular);
            }
        }
    }

    /** Orthonormal rows (r, r) F32, read only, and the singular values of the unscaled Y that belong to them, descending. */
    record PrincipalAxes(Matrix axes, double[] singularValues) {}

    /** What the target was multiplied with; its square is what energies in the target's space are multiplied with. */
    double scale() {
        return scale;
    }

    /**
     * The dictionary in the space of the inputs: D (k, d1) F64 with {@code codes · D} standing for W where
     * {@code codes · dictionary} stands for Y. The caller closes it.
     *
     * @param dictionary (k, r) F32, read only
     */
    Matrix unwhiten(Matrix dictionary) {
        int k = dictionary.rows();
        try (Matrix dictionary64 = backend.allocate(k, rank(), DType.F64)) {
            backend.copy(dictionary, dictionary64);
            backend.scale(1 / scale, dictionary64);
            if (map != null) {
                Matrix result = backend.allocate(k, map.cols(), DType.F64);
                effort.gemm(1, dictionary64, false, map, false, 0, result);
                return result;
            }
            try (Matrix transposed = backend.allocate(rank(), k, DType.F64)) {
                backend.transpose(dictionary64, transposed);
                effort.solveTriangular(choleskyFactor, true, transposed);
                Matrix result = backend.allocate(k, rank(), DType.F64);
                backend.transpose(transposed, result);
                return result;
            }
        }
    }

    /**
     * Another metric as the target's space sees it: {@code L⁻¹ A L⁻ᵀ} (r, r) F64, so that G itself becomes the identity. Not for
     * the third route. The caller closes it.
     *
     * @param metric A (d1, d1) F64, symmetric, null wherever G is; read only
     */
    Matrix whitened(Matrix metric) {
        int r = rank();
        Matrix result = backend.allocate(r, r, DType.F64);
        try (Matrix half = backend.allocate(r, metric.cols(), DType.F64)) {
            if (map != null) {
                effort.gemm(1, map, false, metric, false, 0, half);
                effort.gemm(1, half, false, map, true, 0, result);
                return result;
            }
            backend.copy(metric, half);
            effort.solveTriangular(choleskyFactor, false, half);
            backend.transpose(half, result);
            effort.solveTriangular(choleskyFactor, false, result);
            return result;
        }
    }

    /** In place: {@code rows (n, d1) F64 <- rows · G⁺}, the pseudo-inverse. Not for the third route. */
    void solveGram(Matrix rows) {
        try (Scratch own = new Scratch(backend)) {
            if (map != null) {
                Matrix half = own.f64(rows.rows(), rank());
                effort.gemm(1, rows, false, map, true, 0, half);
                effort.gemm(1, half, false, map, false, 0, rows);
                return;
            }
            Matrix transposed = own.f64(rows.cols(), rows.rows());
            backend.transpose(rows, transposed);
            effort.solveCholesky(choleskyFactor, transposed);
            backend.transpose(transposed, rows);
        }
    }
}
