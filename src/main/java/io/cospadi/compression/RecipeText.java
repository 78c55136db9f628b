package io.cospadi.compression;

import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** A recipe as YAML that {@link RecipeDocument} reads back: all settings, no places. Equal recipes give equal bytes. */
final class RecipeText {
    private RecipeText() {}

    /** The whole file, UTF-8. */
    static byte[] yaml(Recipe recipe) {
        return yaml(recipe, false);
    }

    /**
     * The same of a job in its places: where a Gram store is given, its text is not the recipe's, whose windows would say what
     * never happened. The length of a window stays where held-out text is cut by it.
     */
    static byte[] yaml(Recipe recipe, JobPlaces places) {
        return yaml(recipe, places.stats().isPresent());
    }

    private static byte[] yaml(Recipe recipe, boolean ofStore) {
        StringBuilder yaml =
                new StringBuilder("# how this model was compressed: cospadi compress MODEL --recipe FILE\n");
        recipe.maxPerplexityIncrease()
                .ifPresentOrElse(
                        percent -> line(yaml, "max-perplexity-increase", String.valueOf(percent)),
                        () -> line(yaml, "ratio", String.valueOf(recipe.ratio())));
        line(yaml, "method", recipe.method().option());
        if (recipe.method() == Method.COSPADI) {
            line(yaml, "solver", recipe.solver().option());
            if (recipe.pursuit() != Pursuit.EXACT) {
                line(yaml, "pursuit", recipe.pursuit().option());
            }
        }
        line(yaml, "budget", recipe.budget().option());
        line(yaml, "objective", recipe.objective().option());
        if (recipe.objective() == Objective.LOSS || recipe.budget() == BudgetChoice.AUTO) {
            line(yaml, "output-covariance", recipe.outputs().covariance().option());
            recipe.outputs().shrinkage().ifPresent(share -> line(yaml, "output-shrinkage", String.valueOf(share)));
        }
        if (recipe.propagation().sequential()) {
            line(yaml, "propagate", recipe.propagation().option());
        }
        if (recipe.method().sparse()) {
            line(yaml, "rounds", String.valueOf(recipe.rounds()));
        }
        line(yaml, "seed", String.valueOf(recipe.seed()));
        if (!ofStore) {
            line(yaml, "windows", String.valueOf(recipe.windows()));
        }
        if (!ofStore || recipe.maxPerplexityIncrease().isPresent()) {
            line(yaml, "window", String.valueOf(recipe.window()));
        }
        if (!ofStore) {
            line(yaml, "sample", recipe.sample().option());
        }
        Precision precision = recipe.precision();
        line(yaml, "value-bits", String.valueOf(precision.valueBits()));
        if (recipe.method().rounds()) {
            line(yaml, "group-size", String.valueOf(precision.groupSize()));
        }
        if (precision.hasScales()) {
            line(yaml, "dictionary-bits", String.valueOf(precision.dictionaryBits()));
            line(yaml, "group-size", String.valueOf(precision.groupSize()));
        }
        if (recipe.groups() != MaskGroups.NONE) {
            line(yaml, "groups", quoted(recipe.groups().option()));
        }
        if (recipe.method().shares()) {
            sharing(yaml, recipe.sharing());
        }
        patterns(yaml, "include", recipe.include());
        patterns(yaml, "exclude", recipe.exclude());
        if (!recipe.overrides().isEmpty()) {
            yaml.append("overrides:\n");
            for (ProjectionOverride override : recipe.overrides()) {
                yaml.append("  - pattern: ")
                        .append(quoted(override.pattern().text()))
                        .append('\n');
                yaml.append(
                                override.dense()
                                        ? "    dense: true"
                                        : "    ratio: " + override.ratio().getAsDouble())
                        .append('\n');
            }
        }
        return yaml.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void sharing(StringBuilder yaml, Sharing sharing) {
        line(yaml, "share", String.valueOf(sharing.layers()));
        if (!sharing.any()) {
            return;
        }
        line(yaml, "share-objective", sharing.objective().option());
        patterns(yaml, "share-include", sharing.include());
        if (!sharing.groups().isEmpty()) {
            yaml.append("share-groups:\n");
            sharing.groups().forEach(group -> yaml.append("  - ")
                    .append(group.stream()
                            .map(pattern -> quoted(pattern.text()))
                            .collect(Collectors.joining(", ", "[", "]")))
                    .append('\n'));
        }
    }

    /** The same with the places and what computes, as a work folder keeps it: {@code merge} goes on from it. */
    static byte[] yaml(Recipe recipe, JobPlaces places, JobEnvironment environment) {
        StringBuilder yaml = new StringBuilder(new String(yaml(recipe, places), StandardCharsets.UTF_8));
        line(yaml, "model", quoted(places.model().toAbsolutePath().toString()));
        places.stats()
                .ifPresent(stats ->
                        line(yaml, "stats", quoted(stats.toAbsolutePath().toString())));
        line(yaml, "backend", environment.backend().name());
        line(yaml, "threads", String.valueOf(environment.threads()));
        return yaml.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void line(StringBuilder yaml, String key, String value) {
        yaml.append(key).append(": ").append(value).append('\n');
    }

    private static void patterns(StringBuilder yaml, String key, List<NamePattern> patterns) {
        if (!patterns.isEmpty()) {
            yaml.append(key).append(":\n");
            patterns.forEach(pattern ->
                    yaml.append("  - ").append(quoted(pattern.text())).append('\n'));
        }
    }

    /** A double-quoted YAML scalar, which is JSON's where only these characters need care. */
    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
