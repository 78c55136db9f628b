package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;

/**
 * From a solver's dictionary and codes to the stored factors:
 *
 * <ol>
 *   <li>the dictionary, atoms scaled to unit G-norm, is rounded to bf16;
 *   <li>the codes are fitted again on their support against the rounded dictionary, under G, so that they absorb its rounding
 *       ({@link SupportRefit});
 *   <li>the codes are rounded to 14 bits, which costs by far the most;
 *   <li>where the method's dictionary is free, it is fitted once more to the rounded codes and rounded again: it has k of d2
 *       directions to absorb their rounding with, and bf16, eight times finer than the codes, takes little of that back.
 * </ol>
 *
 * In f64 but for the codes' conjugate gradients.
 */
final class FinalFit {
    private static final int REFIT_STEPS = 4;

    private final Backend backend;
    private final Effort effort;
    private final Problem problem;
    private final double energy;
    private final int s;
    private final Matrix weight;
    /** √H W. */
    private final Matrix scaledWeight;

    private FinalFit(Backend backend, Effort effort, Problem problem, double energy, int s, Scratch scratch) {
        this.backend = backend;
        this.effort = effort;
        this.problem = problem;
        this.energy = energy;
        this.s = s;
        weight = scratch.f64(problem.weight());
        scaledWeight = scratch.f64(problem.weight());
        problem.outputs().scaleRows(backend, scaledWeight, 0.5);
    }

    /** Stored factors and the error that they have exactly so. */
    record Stored(Factors factors, double relativeError) {}

    /**
     * Fits and rounds, for solvers whose dictionary is the least-squares fit to their codes.
     *
     * @param energy tr(W G Wᵀ)
     * @param codes  √H C (d2, k) F32, read only, at most s nonzeros a row
     */
    static Stored ofCodes(Backend backend, Effort effort, Problem problem, double energy, Matrix codes, int s) {
        try (Scratch scratch = new Scratch(backend)) {
            FinalFit fit = new FinalFit(backend, effort, problem, energy, s, scratch);
            Matrix codes64 = scratch.f64(codes);
            Matrix dictionary = scratch.keep(fit.dictionaryFor(codes64));
            return fit.stored(dictionary, codes64, true);
        }
    }

    /**
     * Fits and rounds for a dictionary that stays as the method found it: without step 4.
     *
     * @param energy     tr(W G Wᵀ)
     * @param dictionary D (k, d1) F64 in the space of the inputs, read only
     * @param codes      √H C (d2, k) F32, read only, at most s nonzeros a row
     */
    static Stored ofFactors(
            Backend backend, Effort effort, Problem problem, double energy, Matrix dictionary, Matrix codes, int s) {
        try (Scratch scratch = new Scratch(backend)) {
            FinalFit fit = new FinalFit(backend, effort, problem, energy, s, scratch);
            return fit.stored(scratch.f64(dictionary), scratch.f64(codes), false);
        }
    }

    /** {@code (CᵀHC + λI)⁻¹ CᵀH W} for {@code √H C}, (k, d1) F64; the caller closes it. */
    private Matrix dictionaryFor(Matrix scaledCodes) {
        int k = scaledCodes.cols();
        Matrix dictionary = backend.allocate(k, problem.d1(), DType.F64);
        try (Scratch scratch = new Scratch(backend)) {
            LeastSquaresDictionary.solve(
                    backend, effort, scaledCodes, scaledWeight, scratch.f64(k, k), scratch.f64(1, k), dictionary);
        }
        return dictionary;
    }

    /** From D and √H C; both matrices are scaled in place. */
    private Stored stored(Matrix dictionary, Matrix codes64, boolean free) {
        problem.outputs().scaleRows(backend, codes64, -0.5);
        scaleAtoms(dictionary, codes64);
        short[] rounded = StoredForm.bfloat16(backend, dictionary);
        Codes codes = refitted(rounded, codes64);
        if (!free) {
            return measured(rounded, codes);
        }
        try (Matrix stored = StoredForm.upload(backend, codes)) {
            problem.outputs().scaleRows(backend, stored, 0.5);
            try (Matrix refitted = dictionaryFor(stored)) {
                return measured(StoredForm.bfloat16(backend, refitted), codes);
            }
        }
    }

    /** Atoms to unit norm under G scaled to {@code tr(W G Wᵀ) = d2}, so that codes are of the order of 1/√s. */
    private void scaleAtoms(Matrix dictionary, Matrix codes64) {
        int k = dictionary.rows();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix product = scratch.f64(k, problem.d1());
            Matrix norms = scratch.f64(1, k);
            Matrix factors = scratch.f64(1, k);
            effort.gemm(1, dictionary, false, problem.gram(), false, 0, product);
            backend.rowDots(dictionary, product, norms);
            backend.scale(problem.d2() / energy, norms);
            backend.power(norms, 0.5, factors);
            backend.scaleColumns(codes64, factors);
            backend.power(norms, -0.5, factors);
            backend.scaleRows(dictionary, factors);
        }
    }

    private Codes refitted(short[] dictionary, Matrix codes64) {
        int k = codes64.cols();
        int d1 = problem.d1();
        int d2 = problem.d2();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix gram = scratch.f32(k, k);
            Matrix correlations = scratch.f32(d2, k);
            Matrix codes = scratch.f32(d2, k);
            try (Matrix atoms = StoredForm.upload(backend, k, d1, dictionary);
                    Matrix product = backend.allocate(k, d1, DType.F64);
                    Matrix gram64 = backend.allocate(k, k, DType.F64);
                    Matrix correlations64 = backend.allocate(d2, k, DType.F64)) {
                effort.gemm(1, atoms, false, problem.gram(), false, 0, product);
                effort.gemm(1, product, false, atoms, true, 0, gram64);
                effort.gemm(1, weight, false, product, true, 0, correlations64);
                double scale = 1 / backend.dot(product, atoms) * k;
                backend.scale(scale, gram64);
                backend.scale(scale, correlations64);
                backend.copy(gram64, gram);
                backend.copy(correlations64, correlations);
            }
            backend.copy(codes64, codes);
            SupportRefit.refit(backend, effort, gram, correlations, codes, REFIT_STEPS);
            HostMatrix dense = backend.download(codes);
            return StoredForm.codes(dense, s);
        }
    }

    private Stored measured(short[] dictionary, Codes codes) {
        SparseFactors factors = new SparseFactors(problem.d1(), dictionary, codes);
        return new Stored(factors, RelativeError.of(backend, problem, factors, energy));
    }
}
