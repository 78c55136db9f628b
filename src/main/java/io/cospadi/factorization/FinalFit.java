package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Reading;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.Optional;

/**
 * From a solver's dictionary and codes to the stored factors:
 *
 * <ol>
 *   <li>the dictionary, atoms scaled to unit G-norm, is rounded to bf16, or to levels ({@link DictionaryRounding});
 *   <li>the codes are fitted again on their support against the rounded dictionary, under G, so that they absorb its rounding
 *       ({@link SupportRefit});
 *   <li>the codes are rounded to 14 bits, which costs by far the most, or to levels ({@link CodeRounding});
 *   <li>where the method's dictionary is free, it is fitted once more to the rounded codes and rounded again: it has k of d2
 *       directions to absorb their rounding with, and bf16, eight times finer than the codes, takes little of that back;
 *   <li>where that dictionary is of levels itself, steps 2 to 4 are repeated, and the best factors seen are the result.
 * </ol>
 *
 * In f64 but for the codes' conjugate gradients, and without waiting for anything until the factors are read. Where the rows are
 * those of a group's members, one block after the other, the codes of each are fitted under its own Gram, and the shared dictionary
 * under all of them ({@link SharedDictionary}).
 */
final class FinalFit {
    private static final int REFIT_STEPS = 4;
    /** Conjugate-gradient steps for a shared dictionary; each gains about a digit. */
    private static final int SHARED_STEPS = 20;
    /** Repetitions for a dictionary of levels. */
    private static final int REPETITIONS = 2;

    private final Backend backend;
    private final Effort effort;
    private final Problem problem;
    private final List<Problem> members;
    private final OutputCorrelation correlation;
    private final Whitening whitening;
    private final Sparsity sparsity;
    private final Precision precision;
    private final RoundListener listener;
    private final CodeRounding codeRounding;
    private final DictionaryRounding dictionaryRounding;
    private final Matrix weight;
    /** √H W, or that mixed by the correlation. */
    private final Matrix scaledWeight;
    /** The outputs' weights, (1, d2) F64, and as many ones. */
    private final Matrix outputs;

    private final Matrix ones;
    /** Scalars: how many least-squares fits of a dictionary failed, the first of them alone, and the squared norm of the first codes. */
    private final Matrix failures;

    private final Matrix firstFailed;
    private final Matrix firstCodes;

    private FinalFit(
            Backend backend,
            Effort effort,
            Scratch scratch,
            Problem problem,
            List<Problem> members,
            OutputCorrelation correlation,
            Whitening whitening,
            Sparsity sparsity,
            Precision precision,
            RoundListener listener) {
        this.backend = backend;
        this.effort = effort;
        this.problem = problem;
        this.members = members;
        this.correlation = correlation;
        this.whitening = whitening;
        this.sparsity = sparsity;
        this.precision = precision;
        this.listener = listener;
        codeRounding = new CodeRounding(backend, effort, precision, sparsity);
        weight = scratch.f64(problem.weight());
        scaledWeight = scratch.f64(problem.weight());
        problem.outputs().absorb(backend, scaledWeight);
        mix(scaledWeight);
        outputs = scratch.keep(problem.outputs().vector(backend, problem.d2()));
        ones = scratch.keep(OutputWeights.equal().vector(backend, problem.d2()));
        failures = scratch.f64(1, 1);
        firstFailed = scratch.f64(1, 1);
        firstCodes = scratch.f64(1, 1);
        dictionaryRounding = DictionaryRounding.of(backend, effort, scratch, problem.gram(), precision);
    }

    /** Stored factors and the error that they have exactly so under the problem's Gram. */
    record Stored(SparseFactors factors, double relativeError) {}

    /**
     * Fits and rounds, for solvers whose dictionary is the least-squares fit to their codes.
     *
     * @param members   the problem alone; or a group's, whose weights are the blocks of rows of the problem's, and the mean of
     *                  whose Grams is its Gram
     * @param correlation of the output features beside the problem's weights, or null
     * @param whitening of the problem; by inputs where there are several members
     * @param codes     √H C (d2, k) F32, read only
     * @param sparsity  that the codes keep to
     * @param listener  told when all is queued
     */
    static Stored ofCodes(
            Backend backend,
            Effort effort,
            Problem problem,
            List<Problem> members,
            OutputCorrelation correlation,
            Whitening whitening,
            Matrix codes,
            Sparsity sparsity,
            Precision precision,
            RoundListener listener) {
        try (Scratch scratch = new Scratch(backend)) {
            FinalFit fit = new FinalFit(
                    backend, effort, scratch, problem, members, correlation, whitening, sparsity, precision, listener);
            double share = LeastSquaresDictionary.RIDGE;
            for (; share < 1; share *= LeastSquaresDictionary.RAISE) {
                Optional<Stored> stored = fit.ofCodes(codes, share);
                if (stored.isPresent()) {
                    return stored.get();
                }
            }
            throw new ArithmeticException(
                    "the normal equations of " + codes.cols() + " atoms cannot be solved: the codes are not finite");
        }
    }

    /**
     * Fits and rounds for a dictionary that stays as the method found it: without step 4.
     *
     * @param whitening  of the problem
     * @param dictionary D (k, d1) F64 in the space of the inputs, read only
     * @param codes      √H C (d2, k) F32, read only
     * @param sparsity   that the codes keep to
     * @param listener   told when all is queued
     */
    static Stored ofFactors(
            Backend backend,
            Effort effort,
            Problem problem,
            Whitening whitening,
            Matrix dictionary,
            Matrix codes,
            Sparsity sparsity,
            Precision precision,
            RoundListener listener) {
        try (Scratch scratch = new Scratch(backend)) {
            FinalFit fit = new FinalFit(
                    backend,
                    effort,
                    scratch,
                    problem,
                    List.of(problem),
                    null,
                    whitening,
                    sparsity,
                    precision,
                    listener);
            RoundedFactors factors = fit.zeros(scratch, codes.cols());
            try (Matrix codes64 = fit.f64(codes)) {
                backend.copy(dictionary, factors.dictionary);
                fit.scaleAtoms(codes64, factors);
            }
            fit.roundDictionary(factors);
            fit.refitCodes(factors);
            fit.measure(factors);
            listener.queued();
            fit.dictionaryRounding.requireFactor();
            return fit.read(factors);
        }
    }

    private RoundedFactors zeros(Scratch scratch, int k) {
        return new RoundedFactors(backend, scratch, problem.d1(), problem.d2(), k, sparsity.s(), precision);
    }

    private Matrix f64(Matrix matrix) {
        Matrix copy = backend.allocate(matrix.rows(), matrix.cols(), DType.F64);
        backend.copy(matrix, copy);
        return copy;
    }

    /** All steps with λ = share · mean diagonal; empty where a fit needs a larger one. */
    private Optional<Stored> ofCodes(Matrix codes, double share) {
        backend.fill(failures, 0);
        try (Scratch own = new Scratch(backend)) {
            RoundedFactors factors = zeros(own, codes.cols());
            try (Matrix codes64 = f64(codes)) {
                fitDictionary(codes64, share, factors.dictionary);
                scaleAtoms(codes64, factors);
            }
            backend.copy(failures, firstFailed);
            roundDictionary(factors);
            refitCodes(factors);
            backend.dot(factors.codes, factors.codes, firstCodes);
            refitDictionary(factors, share);
            measure(factors);
            return dictionaryRounding.isCoarse() ? bestOfRepetitions(factors, share) : ifFitted(factors);
        }
    }

    /** Step 5. */
    private Optional<Stored> bestOfRepetitions(RoundedFactors factors, double share) {
        try (Scratch own = new Scratch(backend)) {
            RoundedFactors best = zeros(own, factors.codes.cols());
            best.take(factors);
            for (int t = 0; t < REPETITIONS; t++) {
                factors.takeDictionary(best);
                refitCodes(factors);
                measure(factors);
                best.takeIfBetter(factors);
                refitDictionary(factors, share);
                measure(factors);
                best.takeIfBetter(factors);
            }
            return ifFitted(best);
        }
    }

    /**
     * Atoms to unit norm under G scaled to {@code tr(W G Wᵀ) = d2}, so that codes are of the order of 1/√s.
     *
     * @param codes64 √H C (d2, k) F64, scaled in place
     * @param factors with the dictionary, which is scaled, too; they receive C
     */
    private void scaleAtoms(Matrix codes64, RoundedFactors factors) {
        problem.outputs().release(backend, codes64);
        Matrix dictionary = factors.dictionary;
        int k = dictionary.rows();
        try (Scratch own = new Scratch(backend)) {
            Matrix product = own.f64(k, problem.d1());
            Matrix norms = own.f64(1, k);
            Matrix scales = own.f64(1, k);
            effort.gemm(1, dictionary, false, problem.gram(), false, 0, product);
            backend.rowDots(dictionary, product, norms);
            backend.scale(problem.d2() / whitening.outputEnergy(), norms);
            backend.power(norms, 0.5, scales);
            backend.scaleColumns(codes64, scales);
            backend.power(norms, -0.5, scales);
            backend.scaleRows(dictionary, scales);
        }
        backend.copy(codes64, factors.codes);
    }

    private void roundDictionary(RoundedFactors factors) {
        dictionaryRounding.round(factors.dictionary, factors.dictionaryScales);
    }

    /** Steps 2 and 3, member by member. */
    private void refitCodes(RoundedFactors factors) {
        int from = 0;
        for (Problem member : members) {
            int count = member.d2();
            Matrix codes = factors.codes.rows(from, count);
            try (Scratch own = new Scratch(backend)) {
                Matrix gram = own.f32(codes.cols(), codes.cols());
                Matrix correlations = own.f32(count, codes.cols());
                correlate(member, weight.rows(from, count), factors.dictionary, gram, correlations);
                if (correlation == null) { // row by row is not what rows that are coupled want
                    SupportRefit.refit(backend, effort, gram, correlations, codes, REFIT_STEPS);
                }
                codeRounding.round(
                        gram,
                        correlations,
                        codes,
                        rows(factors.support, from, count),
                        rows(factors.codeScales, from, count));
            }
            from += count;
        }
    }

    private static Matrix rows(Matrix matrix, int from, int count) {
        return matrix == null ? null : matrix.rows(from, count);
    }

    /**
     * The atoms' products with each other, of mean energy 1, and with the outputs.
     *
     * @param weight       (d2, d1) F64 of the member
     * @param gram         (k, k) F32, overwritten
     * @param correlations (d2, k) F32, overwritten
     */
    private void correlate(Problem member, Matrix weight, Matrix atoms, Matrix gram, Matrix correlations) {
        int k = atoms.rows();
        try (Scratch own = new Scratch(backend)) {
            Matrix product = own.f64(k, problem.d1());
            Matrix gram64 = own.f64(k, k);
            Matrix correlations64 = own.f64(weight.rows(), k);
            Matrix energy = own.f64(1, 1);
            Matrix scale = own.f64(1, 1);
            effort.gemm(1, atoms, false, member.gram(), false, 0, product);
            effort.gemm(1, product, false, atoms, true, 0, gram64);
            effort.gemm(1, weight, false, product, true, 0, correlations64);
            backend.dot(product, atoms, energy);
            backend.fill(scale, k);
            backend.ratio(scale, energy, scale);
            backend.scale(scale, gram64);
            backend.scale(scale, correlations64);
            backend.copy(gram64, gram);
            backend.copy(correlations64, correlations);
        }
    }

    /** Step 4. */
    private void refitDictionary(RoundedFactors factors, double share) {
        try (Matrix stored = f64(factors.codes)) {
            problem.outputs().absorb(backend, stored);
            fitDictionary(stored, share, factors.dictionary);
        }
        roundDictionary(factors);
    }

    /**
     * {@code (CᵀHC + λI)⁻¹ CᵀH W} for {@code √H C}, and for a group what that lacks of its best dictionary; counts a failure.
     *
     * @param scaledCodes √H C (d2, k) F64, read only
     * @param dictionary  (k, d1) F64, overwritten
     */
    private void fitDictionary(Matrix scaledCodes, double share, Matrix dictionary) {
        try (Scratch own = new Scratch(backend)) {
            Matrix counted = correlation == null ? scaledCodes : own.f64(scaledCodes);
            mix(counted);
            Matrix factor = own.f64(scaledCodes.cols(), scaledCodes.cols());
            LeastSquaresDictionary fit = new LeastSquaresDictionary(backend, effort, own, factor);
            fit.setRidge(share);
            fit.attempt(counted, scaledWeight, dictionary);
            backend.axpy(1, fit.failed(), failures);
            if (members.size() > 1) {
                List<Matrix> grams = members.stream().map(Problem::gram).toList();
                new SharedDictionary(backend, effort, grams, whitening::solveGram)
                        .improve(scaledCodes, scaledWeight, factor, dictionary, SHARED_STEPS, own.f64(1, 1));
            }
        }
    }

    /** Rows as the correlation counts them; nothing where there is none. */
    private void mix(Matrix rows) {
        if (correlation != null) {
            try (Matrix given = backend.allocate(rows.rows(), rows.cols(), rows.dtype())) {
                backend.copy(rows, given);
                correlation.mix(effort, given, rows);
            }
        }
    }

    /** The error of factors as they are. */
    private void measure(RoundedFactors factors) {
        try (Matrix delta = f64(problem.weight());
                Matrix energies = backend.allocate(1, problem.d2(), DType.F64)) {
            try (Matrix codes64 = f64(factors.codes)) {
                backend.gemm(-1, codes64, false, factors.dictionary, false, 1, delta);
            }
            RelativeError.energies(backend, problem, delta, energies);
            backend.dot(energies, ones, factors.lost);
            backend.dot(energies, outputs, factors.objective);
        }
    }

    /** Waits; empty where a fit failed that a larger λ may help: not one of codes that are not finite any more. */
    private Optional<Stored> ifFitted(RoundedFactors factors) {
        listener.queued();
        Reading first = backend.read(firstFailed);
        Reading all = backend.read(failures);
        Reading norm = backend.read(firstCodes);
        dictionaryRounding.requireFactor();
        if (first.value() != 0 || (all.value() != 0 && Double.isFinite(norm.value()))) {
            return Optional.empty();
        }
        return Optional.of(read(factors));
    }

    /**
     * Waits.
     *
     * @throws ArithmeticException if a number is not finite
     */
    private Stored read(RoundedFactors factors) {
        Reading lost = backend.read(factors.lost);
        SparseFactors stored = factors.read(sparsity);
        if (!Double.isFinite(lost.value())) {
            throw new ArithmeticException("the stored factors lose an energy of " + lost.value()
                    + "; the Gram matrix or the weight is badly scaled");
        }
        return new Stored(stored, RelativeError.share(lost.value(), whitening.outputEnergy()));
    }
}
