package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.Levels;
import io.cospadi.tensor.LevelGrid;

/**
 * The baselines that factor nothing: the weight itself in levels of few bits, each row's in groups with a scale, by rounding to the
 * nearest or by GPTQ under the Gram of the inputs. The scales are those of least square error ({@link
 * io.cospadi.tensor.LevelGrid#scaleFor}), for both.
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
        int d1 = problem.d1();
        int d2 = problem.d2();
        int groupSize = settings.precision().groupSize();
        try (Effort effort = Effort.in("rounding", backend);
                Scratch scratch = new Scratch(backend)) {
            DictionaryRounding rounding = settings.method() == Method.GPTQ
                    ? DictionaryRounding.underGram(backend, effort, scratch, problem.gram(), bits, groupSize)
                    : DictionaryRounding.toNearest(backend, effort, scratch, d1, bits, groupSize);
            Matrix weight = scratch.f64(problem.weight());
            Matrix scales = scratch.f32(d2, LevelGrid.scales(d1, groupSize));
            rounding.round(weight, scales);
            listener.queued();
            rounding.requireFactor();
            Levels levels =
                    new Levels(StoredForm.bfloat16(backend, weight), StoredForm.scales(backend, "weight", scales));
            RoundedWeight rounded = new RoundedWeight(d1, d2, bits, levels);
            return effort.factorization(rounded, RelativeError.of(backend, problem, rounded), new double[0], 0, d1);
        }
    }
}
