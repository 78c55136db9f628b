package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import java.util.ArrayList;
import java.util.List;

/**
 * Projections of one input: q, k and v, or gate and up. A single token does little but read weights, so its products are asked
 * for in two goes instead of two for each projection: all that meets the input, dictionaries and dense weights alike, as if they
 * were one matrix; then all codes.
 */
final class SharedInput {
    private SharedInput() {}

    /** {@link Linear#apply} of each. */
    static void apply(Backend backend, Matrix x, List<Linear> linears, List<Matrix> out) {
        if (x.rows() != 1 || linears.stream().anyMatch(linear -> linear.inputWeight() == null)) {
            for (int i = 0; i < linears.size(); i++) {
                linears.get(i).apply(backend, x, out.get(i));
            }
            return;
        }
        List<Matrix> weights = new ArrayList<>();
        List<Matrix> between = new ArrayList<>();
        for (int i = 0; i < linears.size(); i++) {
            weights.add(linears.get(i).inputWeight());
            between.add(linears.get(i).between(backend, 1, out.get(i)));
        }
        backend.multiplyWeights(x, weights, between);

        List<Matrix> coded = new ArrayList<>();
        List<SparseMatrix> codes = new ArrayList<>();
        List<Matrix> decoded = new ArrayList<>();
        for (int i = 0; i < linears.size(); i++) {
            if (linears.get(i) instanceof SparseLinear sparse) {
                coded.add(between.get(i));
                codes.add(sparse.codes());
                decoded.add(out.get(i));
            } else {
                linears.get(i).finish(backend, between.get(i), false, out.get(i));
            }
        }
        backend.multiplyCodes(coded, codes, decoded);
        for (int i = 0; i < linears.size(); i++) {
            Bias.add(backend, linears.get(i).biasOrNull(), out.get(i));
        }
    }
}
