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
import java.util.List;

/**
 * The relative error {@code tr(Δ G Δᵀ) / tr(W G Wᵀ)}, Δ = W − Ŵ, of every projection of a model, under Grams of any text: of
 * the one that it was fitted to, or of one that no fit has seen. Ŵ is what the model multiplies by, whatever it is stored as,
 * so all methods are measured the same way.
 *
 * @see RelativeError
 */
public final class FunctionalError {
    private FunctionalError() {}

    /**
     * @param reference the dense model, of which W and the Grams are
     * @param model     of the same sizes
     * @param stores    finished; one result each
     * @param progress  counts projections
     * @throws CospadiException if the models' projections differ in number or size
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
        List<List<ProjectionErrors.Entry>> errors = new ArrayList<>();
        stores.forEach(store -> errors.add(new ArrayList<>()));
        for (int i = 0; i < projections.size(); i++) {
            Projection p = projections.get(i);
            try (Matrix weight = weight(reference, p, backend);
                    Matrix lost = weight(model, p, backend)) {
                backend.axpy(-1, weight, lost);
                // exactly 0 where the model keeps the reference's weight; then no Gram is read
                if (backend.dot(lost, lost) > 0) {
                    for (int j = 0; j < stores.size(); j++) {
                        errors.get(j)
                                .add(new ProjectionErrors.Entry(
                                        p.name(), error(backend, p, weight, lost, stores.get(j))));
                    }
                }
            }
            progress.advance(i + 1L, projections.size());
        }
        List<ProjectionErrors> results = new ArrayList<>();
        for (int j = 0; j < stores.size(); j++) {
            GramStore store = stores.get(j);
            results.add(new ProjectionErrors(store.folder().toString(), store.tokens(), errors.get(j)));
        }
        return results;
    }

    private static double error(Backend backend, Projection p, Matrix weight, Matrix lost, GramStore store) {
        try (Matrix gram = store.gram(p.siteName(), backend)) {
            return RelativeError.outputEnergy(backend, new Problem(p.name(), lost, gram))
                    / RelativeError.outputEnergy(backend, new Problem(p.name(), weight, gram));
        }
    }

    /** What the projection multiplies by, (d2, d1) F32: the transposed outputs of the unit vectors. */
    private static Matrix weight(ModelWeights weights, Projection p, Backend backend) {
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
