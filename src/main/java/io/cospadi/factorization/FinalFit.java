package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * From a solver's dictionary and codes to the stored factors:
 *
 * <ol>
 *   <li>the dictionary, atoms scaled to unit G-norm, is rounded to bf16, or to levels ({@link DictionaryRounding});
 *   <li>the codes are fitted again on their support against the rounded dictionary, under G, so that they absorb its rounding
 *       ({@link SupportRefit});
 *   <li>the codes are rounded to 14 bits, which costs by far the most, or to levels, each taking in what others lost
 *       ({@link CodeRounding});
 *   <li>where the method's dictionary is free, it is fitted once more to the rounded codes and rounded again: it has k of d2
 *       directions to absorb their rounding with, and bf16, eight times finer than the codes, takes little of that back;
 *   <li>where that dictionary is of levels itself, steps 2 to 4 are repeated, and the best factors seen are the result.
 * </ol>
 *
 * In f64 but for the codes' conjugate gradients. Where the rows are those of a group's members, one block after the other, the
 * codes of each are fitted under its own Gram, and the shared dictionary under all of them ({@link SharedDictionary}).
 */
final class FinalFit implements AutoCloseable {
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
    private final CodeRounding codeRounding;
    private final DictionaryRounding dictionaryRounding;
    private final Matrix weight;
    /** √H W, or that mixed by the correlation. */
    private final Matrix scaledWeight;

    private FinalFit(
            Backend backend,
            Effort effort,
            Problem problem,
            List<Problem> members,
            OutputCorrelation correlation,
            Whitening whitening,
            Sparsity sparsity,
            Precision precision,
            Scratch scratch) {
        this.backend = backend;
        this.effort = effort;
        this.problem = problem;
        this.members = members;
        this.correlation = correlation;
        this.whitening = whitening;
        this.sparsity = sparsity;
        codeRounding = new CodeRounding(backend, effort, precision);
        weight = scratch.f64(problem.weight());
        scaledWeight = scratch.f64(problem.weight());
        problem.outputs().absorb(backend, scaledWeight);
        mix(scaledWeight);
        dictionaryRounding = DictionaryRounding.of(backend, effort, problem.gram(), precision);
    }

    /**
     * Stored factors and the error that they have exactly so under the problem's Gram.
     *
     * @param objective what solvers keep small: the output energies lost, each with its output's weight
     */
    record Stored(SparseFactors factors, double relativeError, double objective) {
        private Stored orBetter(Stored other) {
            return other.objective < objective ? other : this;
        }

        private Levels dictionary() {
            return new Levels(factors.dictionary(), factors.scales().dictionary());
        }
    }

    /**
     * Fits and rounds, for solvers whose dictionary is the least-squares fit to their codes.
     *
     * @param members   the problem alone; or a group's, whose weights are the blocks of rows of the problem's, and the mean of
     *                  whose Grams is its Gram
     * @param correlation of the output features beside the problem's weights, or null
     * @param whitening of the problem; by inputs where there are several members
     * @param codes     √H C (d2, k) F32, read only
     * @param sparsity  that the codes keep to
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
            Precision precision) {
        try (Scratch scratch = new Scratch(backend);
                FinalFit fit = new FinalFit(
                        backend, effort, problem, members, correlation, whitening, sparsity, precision, scratch)) {
            Matrix codes64 = scratch.f64(codes);
            Matrix dictionary = scratch.keep(fit.dictionaryFor(codes64));
            return fit.stored(dictionary, codes64, true);
        }
    }

    /**
     * Fits and rounds for a dictionary that stays as the method found it: without step 4.
     *
     * @param whitening  of the problem
     * @param dictionary D (k, d1) F64 in the space of the inputs, read only
     * @param codes      √H C (d2, k) F32, read only
     * @param sparsity   that the codes keep to
     */
    static Stored ofFactors(
            Backend backend,
            Effort effort,
            Problem problem,
            Whitening whitening,
            Matrix dictionary,
            Matrix codes,
            Sparsity sparsity,
            Precision precision) {
        try (Scratch scratch = new Scratch(backend);
                FinalFit fit = new FinalFit(
                        backend, effort, problem, List.of(problem), null, whitening, sparsity, precision, scratch)) {
            return fit.stored(scratch.f64(dictionary), scratch.f64(codes), false);
        }
    }

    /**
     * {@code (CᵀHC + λI)⁻¹ CᵀH W} for {@code √H C}, (k, d1) F64, and for a group what that lacks of its best dictionary; the
     * caller closes it.
     */
    private Matrix dictionaryFor(Matrix scaledCodes) {
        int k = scaledCodes.cols();
        Matrix dictionary = backend.allocate(k, problem.d1(), DType.F64);
        try (Scratch scratch = new Scratch(backend)) {
            Matrix counted = correlation == null ? scaledCodes : scratch.f64(scaledCodes);
            mix(counted);
            Matrix factor = scratch.f64(k, k);
            LeastSquaresDictionary.solve(backend, effort, counted, scaledWeight, factor, dictionary);
            if (members.size() > 1) {
                List<Matrix> grams = members.stream().map(Problem::gram).toList();
                new SharedDictionary(backend, effort, grams, whitening::solveGram)
                        .improve(scaledCodes, scaledWeight, factor, dictionary, SHARED_STEPS, scratch.f64(1, 1));
            }
        }
        return dictionary;
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

    /** From D and √H C; both matrices are scaled in place. */
    private Stored stored(Matrix dictionary, Matrix codes64, boolean free) {
        problem.outputs().release(backend, codes64);
        scaleAtoms(dictionary, codes64);
        Levels rounded = dictionaryRounding.round(dictionary);
        CodeRounding.Rounded codes = refitted(rounded, codes64);
        if (!free) {
            return measured(rounded, codes);
        }
        Stored best = measured(refittedDictionary(codes), codes);
        for (int t = 0; t < REPETITIONS && dictionaryRounding.isCoarse(); t++) {
            Levels dictionaryOfBest = best.dictionary();
            try (Matrix start = StoredForm.upload(backend, codes.codes())) {
                codes = refitted(dictionaryOfBest, start);
            }
            best = best.orBetter(measured(dictionaryOfBest, codes));
            best = best.orBetter(measured(refittedDictionary(codes), codes));
        }
        return best;
    }

    private Levels refittedDictionary(CodeRounding.Rounded codes) {
        try (Matrix stored = StoredForm.upload(backend, codes.codes())) {
            problem.outputs().absorb(backend, stored);
            try (Matrix refitted = dictionaryFor(stored)) {
                return dictionaryRounding.round(refitted);
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
            backend.scale(problem.d2() / whitening.outputEnergy(), norms);
            backend.power(norms, 0.5, factors);
            backend.scaleColumns(codes64, factors);
            backend.power(norms, -0.5, factors);
            backend.scaleRows(dictionary, factors);
        }
    }

    private CodeRounding.Rounded refitted(Levels dictionary, Matrix codes64) {
        int k = codes64.cols();
        List<CodeRounding.Rounded> parts = new ArrayList<>();
        try (Scratch scratch = new Scratch(backend);
                Matrix atoms = StoredForm.upload(backend, k, problem.d1(), dictionary.values())) {
            Matrix codes = scratch.f32(codes64);
            for (int l = 0; l < members.size(); l++) {
                int d2 = members.get(l).d2();
                parts.add(refitted(members.get(l), atoms, weight.rows(l * d2, d2), codes.rows(l * d2, d2)));
            }
            return CodeRounding.joined(parts);
        }
    }

    /** Fits the codes (d2, k) F32 of one member to its weight (d2, d1) F64, in place, and rounds them. */
    private CodeRounding.Rounded refitted(Problem member, Matrix atoms, Matrix ownWeight, Matrix codes) {
        int k = codes.cols();
        int d2 = codes.rows();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix gram = scratch.f32(k, k);
            Matrix correlations = scratch.f32(d2, k);
            try (Matrix product = backend.allocate(k, problem.d1(), DType.F64);
                    Matrix gram64 = backend.allocate(k, k, DType.F64);
                    Matrix correlations64 = backend.allocate(d2, k, DType.F64)) {
                effort.gemm(1, atoms, false, member.gram(), false, 0, product);
                effort.gemm(1, product, false, atoms, true, 0, gram64);
                effort.gemm(1, ownWeight, false, product, true, 0, correlations64);
                double scale = 1 / backend.dot(product, atoms) * k;
                backend.scale(scale, gram64);
                backend.scale(scale, correlations64);
                backend.copy(gram64, gram);
                backend.copy(correlations64, correlations);
            }
            if (correlation == null) { // row by row is not what rows that are coupled want
                SupportRefit.refit(backend, effort, gram, correlations, codes, REFIT_STEPS);
            }
            return codeRounding.round(sparsity.stored(backend, backend.download(codes)), gram, correlations);
        }
    }

    private Stored measured(Levels dictionary, CodeRounding.Rounded codes) {
        SparseFactors factors = new SparseFactors(
                problem.d1(),
                dictionary.values(),
                codes.codes(),
                new FactorScales(dictionary.scales(), codes.scales()));
        double[] lost = RelativeError.lostEnergies(backend, problem, factors);
        double sum = Arrays.stream(lost).sum();
        return new Stored(
                factors,
                sum == 0 ? 0 : sum / whitening.outputEnergy(),
                problem.outputs().weigh(lost));
    }

    @Override
    public void close() {
        dictionaryRounding.close();
    }
}
