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
    private final LoadedAhead weightsAhead;
    private final Recipe recipe;
    private final GramStore store;
    private final PropagatedInputs.Sums sums;
    private final Optional<InputCorrection> correction;
    private Matrix target;
    private OutputWeights outputs;
    private List<Projection> next = List.of();

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
        weightsAhead = new LoadedAhead(backend, name -> model.load(name, backend));
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
    public List<Problem> of(List<Projection> members, List<Projection> behind) {
        release();
        Projection projection = members.get(0);
        Matrix weight = weightsAhead.take(projection.weightName());
        try {
            target = correction.map(c -> c.corrected(weight)).orElse(weight);
        } finally {
            if (target != weight) {
                weight.close();
            }
        }
        outputs = OutputLoss.objective(recipe, store, projection, backend, () -> store.gradients()
                .outputCovariance(projection.name(), backend));
        weightsAhead.close();
        next = behind;
        return List.of(new Problem(projection.name(), target, sums.gram(), outputs));
    }

    /** The weights alone: sums and what corrects them are of the inputs in hand. */
    @Override
    public void loadNext(long room) {
        for (Projection p : next) {
            weightsAhead.expect(p.weightName(), (long) Float.BYTES * p.d1() * p.d2(), room);
        }
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
        weightsAhead.close();
        correction.ifPresent(InputCorrection::close);
        sums.close();
    }
}
