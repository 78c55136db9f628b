package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.Storage;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Method;
import java.util.List;

/**
 * What the paper's own K-SVD run took: Llama-3.2-1B at ratio 0.2, 60 rounds with power iterations, one A100, all projections
 * together. One projection's part goes by its share of the operations, {@code d2 (k s² + s³)} of the pursuit and
 * {@code k d1 d2} of the dictionary update.
 *
 * @see <a href="https://arxiv.org/abs/2509.22075">CoSpaDi, compression time</a>
 */
public final class PaperTimes {
    /** The model's and the ratio's; times of others are not known. */
    public static final String SHAPE = "llama-3.2-1b";

    public static final double RATIO = 0.2;

    /** Rounds that the times are of. */
    public static final int ROUNDS = 60;

    private static final double PURSUIT_SECONDS = 178.5 * 60;
    private static final double UPDATE_SECONDS = 467.6 * 60;

    private PaperTimes() {}

    /** Seconds of one projection. */
    public static double seconds(ModelConfig config, Projection projection) {
        List<Allocation> all = Budget.uniform(config.projections(), RATIO, Storage.of(Method.COSPADI));
        Allocation one = all.stream()
                .filter(allocation -> allocation.projection().equals(projection))
                .findFirst()
                .orElseThrow();
        double pursuits = all.stream().mapToDouble(PaperTimes::pursuit).sum();
        double updates = all.stream().mapToDouble(PaperTimes::update).sum();
        return PURSUIT_SECONDS * pursuit(one) / pursuits + UPDATE_SECONDS * update(one) / updates;
    }

    private static double pursuit(Allocation a) {
        double s = a.s();
        return a.projection().d2() * (a.k() * s * s + s * s * s);
    }

    private static double update(Allocation a) {
        return (double) a.k() * a.projection().d1() * a.projection().d2();
    }
}
