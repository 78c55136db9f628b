package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.FeedbackRounding;
import io.cospadi.quantization.Levels;
import io.cospadi.tensor.DType;

/**
 * The baselines that factor nothing: the weight itself in levels of few bits, each row's in groups with a scale, by rounding to the
 * nearest or by GPTQ under the Gram of the inputs. The scales are those of least square error ({@link
 * io.cospadi.quantization.LevelGrid#scaleFor}), for both.
 *
 * @see <a href="https://arxiv.org/abs/2210.17323">GPTQ</a>
 */
final class WeightRounding implements Factorizer {
    private final SolverSettings settings;

    WeightRounding(SolverSettings settings) {
        this.settings = settings;
    }

    @Override
    public Factorization factorize(Backend backend, Problem problem, int bits, int s, RoundListener listener) {
        if (s != 0) {
            throw new IllegalArgumentException(
                    problem.name() + ": " + settings.method().option() + " has no codes, yet s=" + s);
        }
        try (Effort effort = Effort.in("rounding", backend)) {
            int d1 = problem.d1();
            int groupSize = settings.precision().groupSize();
            Levels levels;
            try (Matrix weight = backend.allocate(problem.d2(), d1, DType.F64)) {
                backend.copy(problem.weight(), weight);
                if (settings.method() == Method.GPTQ) {
                    try (DictionaryRounding rounding =
                            DictionaryRounding.underGram(backend, effort, problem.gram(), bits, groupSize)) {
                        levels = rounding.round(weight);
                    }
                } else {
                    try (FeedbackRounding rounding = FeedbackRounding.none(backend, d1, bits, groupSize)) {
                        levels = rounding.round(weight);
                    }
                }
            }
            RoundedWeight rounded = new RoundedWeight(d1, problem.d2(), bits, levels);
            return effort.factorization(rounded, RelativeError.of(backend, problem, rounded), new double[0], 0, d1);
        }
    }
}
