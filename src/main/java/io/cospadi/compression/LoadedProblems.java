package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.factorization.OutputWeights;
import io.cospadi.factorization.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Weights, Grams and output weights of what is in hand; the Grams stay for the next if it reads the same inputs. What the next needs
 * is read from its files meanwhile, and may be loaded ahead.
 */
final class LoadedProblems implements ProblemSource {
    private final Backend backend;
    private final Checkpoint model;
    private final Recipe recipe;
    private final GramStore store;
    private final boolean weighted;
    private final LoadedAhead weightsAhead;
    private final LoadedAhead gramsAhead;
    private final LoadedAhead covariancesAhead;
    private final LoadedAhead gradientsAhead;
    private final FilesAhead filesAhead = new FilesAhead();
    private final List<Matrix> weights = new ArrayList<>();
    private final List<OutputWeights> outputs = new ArrayList<>();
    private final List<Matrix> gradients = new ArrayList<>();
    private final List<Matrix> grams = new ArrayList<>();
    private List<String> sites = List.of();
    private List<Input> next = List.of();

    /**
     * One matrix of what is asked for next.
     *
     * @param bytes  of the matrix
     * @param stored looks up where it is read from
     */
    private record Input(LoadedAhead ahead, String name, long bytes, Supplier<StoredTensor> stored) {}

    /** Problems whose outputs weigh what the recipe says. */
    LoadedProblems(Backend backend, Checkpoint model, Recipe recipe, GramStore store) {
        this(backend, model, recipe, store, true);
    }

    /** Problems whose outputs weigh the same, with the gradients of their weights where the recipe's budget asks for them. */
    static LoadedProblems unweighted(Backend backend, Checkpoint model, Recipe recipe, GramStore store) {
        return new LoadedProblems(backend, model, recipe, store, false);
    }

    private LoadedProblems(Backend backend, Checkpoint model, Recipe recipe, GramStore store, boolean weighted) {
        this.backend = backend;
        this.model = model;
        this.recipe = recipe;
        this.store = store;
        this.weighted = weighted;
        weightsAhead = new LoadedAhead(backend, name -> model.load(name, backend));
        gramsAhead = new LoadedAhead(backend, site -> store.gram(site, backend));
        covariancesAhead = new LoadedAhead(backend, name -> store.gradients().outputCovariance(name, backend));
        gradientsAhead = new LoadedAhead(backend, name -> store.gradients().weightGradient(name, backend));
    }

    @Override
    public List<Problem> of(List<Projection> members, List<Projection> behind) {
        filesAhead.close();
        releaseOwn();
        loadGrams(sitesOf(members));
        List<Problem> problems = new ArrayList<>();
        for (Projection p : members) {
            weights.add(weightsAhead.take(p.weightName()));
            int i = problems.size();
            outputs.add(
                    weighted
                            ? OutputLoss.objective(recipe, store, p, backend, () -> covariancesAhead.take(p.name()))
                            : OutputWeights.equal());
            if (needsGradients()) {
                gradients.add(gradientsAhead.take(p.name()));
            }
            problems.add(new Problem(p.name(), weights.get(i), grams.get(i), outputs.get(i)));
        }
        forget();
        next = inputsOf(behind);
        filesAhead.read(next.stream().map(Input::stored).toList());
        return problems;
    }

    private boolean needsGradients() {
        return !weighted && OutputLoss.needsWeightGradients(recipe);
    }

    /** The gradient of the loss at the weight of a projection that is asked for alone; owned by this until the next call. */
    Matrix gradient() {
        return gradients.get(0);
    }

    /** What isn't there already. */
    private List<Input> inputsOf(List<Projection> members) {
        List<Input> inputs = new ArrayList<>();
        boolean sameGrams = sitesOf(members).equals(sites);
        for (Projection p : members) {
            long d1 = p.d1();
            long d2 = p.d2();
            String weight = p.weightName();
            inputs.add(new Input(weightsAhead, weight, Float.BYTES * d1 * d2, () -> model.tensor(weight)));
            if (!sameGrams) {
                String site = p.siteName();
                inputs.add(new Input(gramsAhead, site, Double.BYTES * d1 * d1, () -> store.stored(site)));
            }
            if (weighted && OutputLoss.countsCovariance(recipe, store)) {
                Supplier<StoredTensor> stored = () -> store.gradients().storedCovariance(p.name());
                inputs.add(new Input(covariancesAhead, p.name(), Double.BYTES * d2 * d2, stored));
            }
            if (needsGradients()) {
                Supplier<StoredTensor> stored = () -> store.gradients().storedWeightGradient(p.name());
                inputs.add(new Input(gradientsAhead, p.name(), Double.BYTES * d1 * d2, stored));
            }
        }
        return inputs;
    }

    @Override
    public void loadNext(long room) {
        next.forEach(input -> input.ahead().expect(input.name(), input.bytes(), room));
    }

    /** Bytes of files that were read ahead. */
    long bytesRead() {
        return filesAhead.bytes();
    }

    private static List<String> sitesOf(List<Projection> members) {
        return members.stream().map(Projection::siteName).toList();
    }

    /** What was expected and not asked for. */
    private void forget() {
        weightsAhead.close();
        gramsAhead.close();
        covariancesAhead.close();
        gradientsAhead.close();
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
        release(gradients);
        outputs.forEach(OutputWeights::close);
        outputs.clear();
    }

    @Override
    public void close() {
        filesAhead.close();
        releaseOwn();
        release(grams);
        sites = List.of();
        forget();
    }
}
