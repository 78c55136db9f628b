package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.OutputWeights;
import io.cospadi.factorization.Problem;
import java.util.ArrayList;
import java.util.List;

/** Weights, Grams and output weights of what is in hand; the Grams stay for the next if it reads the same inputs. */
final class LoadedProblems implements ProblemSource {
    private final Backend backend;
    private final Checkpoint model;
    private final Recipe recipe;
    private final GramStore store;
    private final List<Matrix> weights = new ArrayList<>();
    private final List<OutputWeights> outputs = new ArrayList<>();
    private final List<Matrix> grams = new ArrayList<>();
    private List<String> sites = List.of();

    LoadedProblems(Backend backend, Checkpoint model, Recipe recipe, GramStore store) {
        this.backend = backend;
        this.model = model;
        this.recipe = recipe;
        this.store = store;
    }

    @Override
    public List<Problem> of(List<Projection> members) {
        loadGrams(members.stream().map(Projection::siteName).toList());
        releaseOwn();
        List<Problem> problems = new ArrayList<>();
        for (Projection p : members) {
            weights.add(model.load(p.weightName(), backend));
            int i = problems.size();
            outputs.add(OutputLoss.objective(recipe, store, p, backend));
            problems.add(new Problem(p.name(), weights.get(i), grams.get(i), outputs.get(i)));
        }
        return problems;
    }

    private void loadGrams(List<String> wanted) {
        if (!wanted.equals(sites)) {
            sites = List.of();
            release(grams);
            for (String site : wanted) {
                grams.add(store.gram(site, backend));
            }
            sites = wanted;
        }
    }

    private static void release(List<Matrix> matrices) {
        matrices.forEach(Matrix::close);
        matrices.clear();
    }

    private void releaseOwn() {
        release(weights);
        outputs.forEach(OutputWeights::close);
        outputs.clear();
    }

    @Override
    public void close() {
        releaseOwn();
        release(grams);
        sites = List.of();
    }
}
