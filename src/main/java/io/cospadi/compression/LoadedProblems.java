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

/**
 * Weights, Grams and output weights of what is in hand; the Grams stay for the next if it reads the same inputs. Weights and Grams
 * of the next may be loaded ahead.
 */
final class LoadedProblems implements ProblemSource {
    private final Backend backend;
    private final Recipe recipe;
    private final GramStore store;
    private final LoadedAhead weightsAhead;
    private final LoadedAhead gramsAhead;
    private final List<Matrix> weights = new ArrayList<>();
    private final List<OutputWeights> outputs = new ArrayList<>();
    private final List<Matrix> grams = new ArrayList<>();
    private List<String> sites = List.of();

    LoadedProblems(Backend backend, Checkpoint model, Recipe recipe, GramStore store) {
        this.backend = backend;
        this.recipe = recipe;
        this.store = store;
        weightsAhead = new LoadedAhead(backend, name -> model.load(name, backend));
        gramsAhead = new LoadedAhead(backend, site -> store.gram(site, backend));
    }

    @Override
    public List<Problem> of(List<Projection> members) {
        releaseOwn();
        loadGrams(sitesOf(members));
        List<Problem> problems = new ArrayList<>();
        for (Projection p : members) {
            weights.add(weightsAhead.take(p.weightName()));
            int i = problems.size();
            outputs.add(OutputLoss.objective(recipe, store, p, backend));
            problems.add(new Problem(p.name(), weights.get(i), grams.get(i), outputs.get(i)));
        }
        forget();
        return problems;
    }

    @Override
    public void expect(List<Projection> next, long room) {
        for (Projection p : next) {
            weightsAhead.expect(p.weightName(), (long) Float.BYTES * p.d1() * p.d2(), room);
        }
        if (!sitesOf(next).equals(sites)) {
            for (Projection p : next) {
                gramsAhead.expect(p.siteName(), (long) Double.BYTES * p.d1() * p.d1(), room);
            }
        }
    }

    private static List<String> sitesOf(List<Projection> members) {
        return members.stream().map(Projection::siteName).toList();
    }

    /** What was expected and not asked for. */
    private void forget() {
        weightsAhead.close();
        gramsAhead.close();
    }

    private void loadGrams(List<String> wanted) {
        if (!wanted.equals(sites)) {
            sites = List.of();
            release(grams);
            for (String site : wanted) {
                grams.add(gramsAhead.take(site));
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
        forget();
    }
}
