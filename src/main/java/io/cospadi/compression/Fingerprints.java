package io.cospadi.compression;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.factorization.Method;
import io.cospadi.format.CompanionFiles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What goes into a job's fingerprint. */
final class Fingerprints {
    private static final String BACKEND = "backend";

    private Fingerprints() {}

    /**
     * All fields, those first that users change most.
     *
     * @param weights fingerprint of the model's weights and forward pass
     * @param backend identity of what computes: library, kernel, threads
     * @param program version and commit
     */
    static Fingerprint of(
            Recipe recipe,
            JobPlaces places,
            Checkpoint model,
            Calibrating calibrating,
            String weights,
            String backend,
            String program) {
        Map<String, String> fields = new LinkedHashMap<>();
        recipe.maxPerplexityIncrease()
                .ifPresentOrElse(
                        percent -> fields.put("max-perplexity-increase", String.valueOf(percent)),
                        () -> fields.put("ratio", String.valueOf(recipe.ratio())));
        fields.put("method", recipe.method().option());
        if (recipe.method() == Method.COSPADI) {
            fields.put("solver", recipe.solver().option());
            fields.put("pursuit", recipe.pursuit().option());
        }
        fields.put("budget", recipe.budget().option());
        fields.put("objective", recipe.objective().option());
        fields.put("propagate", recipe.propagation().option());
        fields.put("rounds", String.valueOf(recipe.rounds()));
        fields.put("seed", String.valueOf(recipe.seed()));
        fields.put("value-bits", String.valueOf(recipe.precision().valueBits()));
        fields.put("dictionary-bits", String.valueOf(recipe.precision().dictionaryBits()));
        fields.put("group-size", String.valueOf(recipe.precision().groupSize()));
        fields.put("groups", recipe.groups().option());
        fields.put("include", patterns(recipe.include()));
        fields.put("exclude", patterns(recipe.exclude()));
        fields.put("overrides", overrides(recipe.overrides()));
        fields.put("share", String.valueOf(recipe.sharing().layers()));
        fields.put("share-objective", recipe.sharing().objective().option());
        fields.put("share-include", patterns(recipe.sharing().include()));
        List<String> data = calibrating.fingerprint();
        fields.put(data.get(0), data.get(1));
        fields.put("recipe", Sha256.of(RecipeText.yaml(recipe, places)));
        fields.put("weights", weights);
        fields.put("model files", companions(model));
        fields.put("model name", BaseModel.of(model.folder()).toString());
        fields.put(BACKEND, backend);
        fields.put("program", program);
        return new Fingerprint(fields);
    }

    /** Identity of the backend that a job computes with. */
    static String backend(Fingerprint fingerprint) {
        return fingerprint.fields().getOrDefault(BACKEND, "");
    }

    private static String patterns(List<NamePattern> patterns) {
        return patterns.stream().map(NamePattern::text).collect(Collectors.joining(" "));
    }

    private static String overrides(List<ProjectionOverride> overrides) {
        return overrides.stream()
                .map(o -> o.pattern().text() + "="
                        + (o.dense() ? "dense" : o.ratio().getAsDouble()))
                .collect(Collectors.joining(" "));
    }

    /** config.json, the files that travel along, and tensors that the forward pass doesn't read. */
    private static String companions(Checkpoint model) {
        StringBuilder hashes = new StringBuilder();
        Path folder = model.folder();
        hashes.append(Sha256.of(folder.resolve("config.json"), bytes -> {}));
        for (String name : CompanionFiles.in(folder)) {
            hashes.append(name).append(Sha256.of(folder.resolve(name), bytes -> {}));
        }
        for (String name : model.extras()) {
            var tensor = model.tensor(name);
            var digest = Sha256.digest();
            long row = 0;
            long step = Math.max(
                    1,
                    (16L << 20)
                            / Math.max(1, (long) tensor.cols() * tensor.dtype().bytes()));
            for (; row < tensor.rows(); row += step) {
                digest.update(model.map(tensor, row, (int) Math.min(step, tensor.rows() - row)));
            }
            hashes.append(name).append(Sha256.hex(digest));
        }
        return Sha256.of(hashes.toString().getBytes(StandardCharsets.UTF_8));
    }
}
