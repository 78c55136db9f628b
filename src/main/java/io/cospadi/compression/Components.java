package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.ComponentLosses;
import io.cospadi.factorization.Problem;
import io.cospadi.factorization.WhitenedSpectrum;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Of each whitened weight's components, strongest first: what Zero-Sum SVD weighs, changes of the loss, or what the pooled budget
 * does, singular values.
 */
final class Components {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Components() {}

    /** Operations of one decomposition. */
    static double flops(Projection projection) {
        double narrow = Math.min(projection.d1(), projection.d2());
        return 2 * 9 * narrow * narrow * narrow + 4.0 * projection.d1() * projection.d1() * projection.d2();
    }

    /**
     * Those of one projection, as they are kept.
     *
     * @param loaded {@link LoadedProblems#unweighted}
     * @param alone  the projection
     * @param next   as {@code alone}, what is asked for behind it, if that is known
     */
    static JsonNode measure(
            Backend backend, Recipe recipe, LoadedProblems loaded, List<Projection> alone, List<Projection> next) {
        Problem problem = loaded.of(alone, next).get(0);
        double[] components = OutputLoss.needsWeightGradients(recipe)
                ? ComponentLosses.of(backend, problem, loaded.gradient())
                : WhitenedSpectrum.of(backend, problem);
        return JSON.valueToTree(components);
    }

    /** Those of all projections, in the order given. */
    static Map<Projection, double[]> of(Weighed weighed, List<List<Projection>> alone) {
        Map<Projection, double[]> components = new LinkedHashMap<>();
        alone.forEach(one -> components.put(one.get(0), weighed.get(one, double[].class)));
        return components;
    }
}
