package io.cospadi.cli;

import io.cospadi.benchmark.FactoredProjection;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.Storage;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.SyntheticWeights;
import io.cospadi.decoder.SyntheticWeights.Size;
import io.cospadi.factorization.Method;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;

/** Shapes of known models, for benchmarks that need no weights: only speed depends on nothing else. */
final class BenchShape {
    /** What {@code --shape} may name; with tiny a command is over in seconds, to see that it works. */
    static final List<String> NAMES = List.of("llama-3-8b", "llama-3.2-1b", "smollm2-135m", "tiny");

    private BenchShape() {}

    static ModelConfig config(String name) {
        try (Resource folder = Resource.folder("bench", "/io/cospadi/bench", List.of(name + ".json"))) {
            return ModelConfig.parse(folder.path().resolve(name + ".json"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Random dense weights. */
    static SyntheticWeights dense(ModelConfig config) {
        return new SyntheticWeights(config, projection -> Optional.empty());
    }

    /**
     * Random factors under the uniform budget.
     *
     * @param group 0, or atoms a group of the mask, to whose multiple k is rounded down
     */
    static SyntheticWeights factored(ModelConfig config, double ratio, int group) {
        Map<ProjectionType, Size> sizes = sizes(config, ratio, group);
        return new SyntheticWeights(config, projection -> Optional.ofNullable(sizes.get(projection.type())));
    }

    /** What {@link #factored} gives each type; none that stays dense. */
    static Map<ProjectionType, Size> sizes(ModelConfig config, double ratio, int group) {
        Map<ProjectionType, Size> sizes = new EnumMap<>(ProjectionType.class);
        List<Projection> first =
                config.projections().stream().filter(p -> p.layer() == 0).toList();
        for (Allocation allocation : Budget.uniform(first, ratio, Storage.of(Method.COSPADI))) {
            if (!allocation.isDense()) {
                sizes.put(allocation.projection().type(), size(allocation, group));
            }
        }
        return sizes;
    }

    /** The distinct projections of a layer, factored likewise; those of equal shapes under one name. */
    static List<FactoredProjection> projections(ModelConfig config, double ratio, int group) {
        Map<ProjectionType, Size> sizes = sizes(config, ratio, group);
        Map<FactoredProjection, StringJoiner> distinct = new LinkedHashMap<>();
        for (Projection projection : config.projections()) {
            Size size = sizes.get(projection.type());
            if (projection.layer() == 0 && size != null) {
                distinct.computeIfAbsent(
                                new FactoredProjection("", projection.d1(), projection.d2(), ratio, size),
                                unnamed -> new StringJoiner(","))
                        .add(projection.type().name().toLowerCase(Locale.ROOT));
            }
        }
        return distinct.entrySet().stream()
                .map(entry -> entry.getKey().named(entry.getValue().toString()))
                .toList();
    }

    /** The projections of a layer that share an input, each by itself; sites where some stay dense are left out. */
    static List<List<FactoredProjection>> siblings(ModelConfig config, double ratio, int group) {
        Map<ProjectionType, Size> sizes = sizes(config, ratio, group);
        Map<InputSite, List<FactoredProjection>> sites = new EnumMap<>(InputSite.class);
        for (Projection projection : config.projections()) {
            ProjectionType type = projection.type();
            if (projection.layer() == 0) {
                String name = type.name().toLowerCase(Locale.ROOT);
                sites.computeIfAbsent(type.site(), site -> new ArrayList<>())
                        .add(new FactoredProjection(name, projection.d1(), projection.d2(), ratio, sizes.get(type)));
            }
        }
        return sites.values().stream()
                .filter(site -> site.size() > 1 && site.stream().allMatch(each -> each.size() != null))
                .toList();
    }

    private static Size size(Allocation allocation, int group) {
        if (group == 0) {
            return new Size(allocation.k(), allocation.s(), 0);
        }
        int k = allocation.k() / group * group;
        return new Size(k, k / 2, group);
    }
}
