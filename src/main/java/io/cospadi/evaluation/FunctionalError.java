package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Projection;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.factorization.Problem;
import io.cospadi.factorization.RelativeError;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The relative error {@code tr(Δ G Δᵀ) / tr(W G Wᵀ)}, Δ = W − Ŵ, of every projection of a model, under Grams of any text: of
 * the one that it was fitted to, or of one that no fit has seen. Ŵ is what the model multiplies by, whatever it is stored as,
 * so all methods are measured the same way. For a projection of (d2, d1) that costs {@code 2 d1² d2} operations to unfold Ŵ and
 * {@code 4 d1² d2} in f64 a store. In memory are the weights of one input site, twice and in f32, one Gram, and {@code 16 d1 d2}
 * bytes for the errors.
 *
 * @see RelativeError
 */
public final class FunctionalError {
    private final Backend backend;
    private final ModelWeights reference;
    private final ModelWeights model;

    private FunctionalError(Backend backend, ModelWeights reference, ModelWeights model) {
        this.backend = backend;
        this.reference = reference;
        this.model = model;
    }

    /**
     * Errors of all projections whose weight is not the reference's.
     *
     * @param reference the dense model, of which W and the Grams are; stays open
     * @param model     of the same sizes; stays open
     * @param stores    finished, and of the reference; one result each
     * @param progress  counts input sites
     * @throws CospadiException if the models' projections differ in number or size, a weight is not finite, or a Gram is missing or
     *     damaged
     */
    public static List<ProjectionErrors> evaluate(
            ModelWeights reference, ModelWeights model, Backend backend, List<GramStore> stores, Progress progress) {
        List<Projection> projections = reference.config().projections();
        if (!projections.equals(model.config().projections())) {
            throw new CospadiException("the model's projections are not the reference's: " + projections.size()
                    + " of " + reference.config().hiddenSize() + " features in the reference, "
                    + model.config().projections().size() + " of "
                    + model.config().hiddenSize() + " in the model; name the model that it was made of");
        }
        FunctionalError errors = new FunctionalError(backend, reference, model);
        Map<String, List<Projection>> sites = projections.stream()
                .collect(Collectors.groupingBy(Projection::siteName, LinkedHashMap::new, Collectors.toList()));
        List<List<ProjectionErrors.Entry>> found = new ArrayList<>();
        stores.forEach(store -> found.add(new ArrayList<>()));
        int done = 0;
        for (List<Projection> site : sites.values()) {
            errors.add(site, stores, found);
            progress.advance(++done, sites.size());
        }
        List<ProjectionErrors> results = new ArrayList<>();
        for (int j = 0; j < stores.size(); j++) {
            GramStore store = stores.get(j);
            results.add(new ProjectionErrors(store.folder().toString(), store.tokens(), found.get(j)));
        }
        return results;
    }

    /** W and Δ of a projection. */
    private record Difference(Projection projection, Matrix weight, Matrix lost) implements AutoCloseable {
        @Override
        public void close() {
            weight.close();
            lost.close();
        }
    }

    /** The projections of one input site, so that its Grams are read once. */
    private void add(List<Projection> site, List<GramStore> stores, List<List<ProjectionErrors.Entry>> found) {
        List<Difference> differences = new ArrayList<>();
        try {
            for (Projection p : site) {
                difference(p).ifPresent(differences::add);
            }
            for (int j = 0; j < stores.size() && !differences.isEmpty(); j++) {
                try (Matrix gram = stores.get(j).gram(site.get(0).siteName(), backend)) {
                    for (Difference d : differences) {
                        Problem problem = new Problem(d.projection.name(), d.weight, gram);
                        found.get(j)
                                .add(new ProjectionErrors.Entry(
                                        problem.name(), RelativeError.of(backend, problem, d.lost)));
                    }
                }
            }
        } finally {
            differences.forEach(Difference::close);
        }
    }

    /** Empty where the model keeps the reference's weight. */
    private Optional<Difference> difference(Projection p) {
        Matrix weight = weight(reference, p);
        Matrix lost = null;
        try {
            lost = weight(model, p);
            backend.axpy(-1, weight, lost);
            double square = backend.dot(lost, lost);
            if (!Double.isFinite(square)) {
                throw new CospadiException(p.name() + ": a weight of the model is not finite; compress it again");
            }
            if (square > 0) {
                return Optional.of(new Difference(p, weight, lost));
            }
        } catch (RuntimeException | Error failure) {
            close(weight, lost);
            throw failure;
        }
        close(weight, lost);
        return Optional.empty();
    }

    private static void close(Matrix weight, Matrix lost) {
        weight.close();
        if (lost != null) {
            lost.close();
        }
    }

    /** What the projection multiplies by, (d2, d1) F32: the transposed outputs of the unit vectors. */
    private Matrix weight(ModelWeights weights, Projection p) {
        try (Linear linear = weights.projection(p, backend);
                Matrix unit = backend.allocate(p.d1(), p.d1(), DType.F32);
                Matrix outputs = backend.allocate(p.d1(), p.d2(), DType.F32)) {
            backend.fill(unit, 0);
            backend.addToDiagonal(unit, 1);
            linear.multiply(backend, unit, false, outputs);
            Matrix weight = backend.allocate(p.d2(), p.d1(), DType.F32);
            try {
                backend.transpose(outputs, weight);
                return weight;
            } catch (RuntimeException | Error failure) {
                weight.close();
                throw failure;
            }
        }
    }
}
