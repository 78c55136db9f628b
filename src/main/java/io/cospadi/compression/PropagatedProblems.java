package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.PropagatedInputs;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.InputCorrection;
import io.cospadi.factorization.OutputWeights;
import io.cospadi.factorization.Problem;
import java.util.List;
import java.util.Optional;

/**
 * Problems of the projections of one input site, under the Gram of what the compressed model feeds them, and with the target
 * that makes up for it where the site's sums say how. What errors cost at the outputs is the dense model's.
 */
final class PropagatedProblems implements ProblemSource {
    private final Backend backend;
    private final Checkpoint model;
    private final Recipe recipe;
    private final GramStore store;
    private final PropagatedInputs.Sums sums;
    private final Optional<InputCorrection> correction;
    private Matrix target;
    private OutputWeights outputs;

    /**
     * @param site for messages
     * @param sums of it; owned from here on
     */
    PropagatedProblems(
            Backend backend,
            Checkpoint model,
            Recipe recipe,
            GramStore store,
            String site,
            PropagatedInputs.Sums sums) {
        this.backend = backend;
        this.model = model;
        this.recipe = recipe;
        this.store = store;
        this.sums = sums;
        try {
            this.correction = sums.shift().map(shift -> InputCorrection.of(backend, site, sums.gram(), shift));
        } catch (RuntimeException | Error failure) {
            sums.close();
            throw failure;
        }
    }

    /** @param members one, since what propagates shares nothing */
    @Override
    public List<Problem> of(List<Projection> members) {
        release();
        Projection projection = members.get(0);
        Matrix weight = model.load(projection.weightName(), backend);
        try {
            target = correction.map(c -> c.corrected(weight)).orElse(weight);
        } finally {
            if (target != weight) {
                weight.close();
            }
        }
        outputs = OutputLoss.objective(recipe, store, projection, backend);
        return List.of(new Problem(projection.name(), target, sums.gram(), outputs));
    }

    private void release() {
        if (target != null) {
            target.close();
            target = null;
        }
        if (outputs != null) {
            outputs.close();
            outputs = null;
        }
    }

    @Override
    public void close() {
        release();
        correction.ifPresent(InputCorrection::close);
        sums.close();
    }
}
