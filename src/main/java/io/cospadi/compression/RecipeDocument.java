package io.cospadi.compression;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.ShareObjective;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.MaskGroups;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;

/**
 * The options of {@code compress} as a YAML or JSON mapping, each key an option's long name without its dashes; what the
 * command line gives is laid over what the file gives. Paths are relative to the current directory, as on the command
 * line. Besides plain options there is one list, tried in order, the last match of a projection counting:
 *
 * <pre>{@code
 * ratio: 0.2
 * budget: uniform
 * exclude: ["layers.0.*"]
 * overrides:
 *   - pattern: "v_proj"
 *     dense: true
 *   - pattern: "layers.{1,2}.mlp.*"
 *     ratio: 0.1
 * }</pre>
 *
 * and one list of groups that share a dictionary, each a list of patterns, besides those that {@code share} makes of adjacent
 * layers:
 *
 * <pre>{@code
 * share: 2
 * share-include: ["{q,k}_proj"]
 * share-groups:
 *   - ["layers.{0,1,2,3}.mlp.up_proj"]
 * }</pre>
 */
public final class RecipeDocument {
    /** Every key, in the order in which a recipe is written. */
    public static final List<String> KEYS = List.of(
            "model",
            "out",
            "data",
            "stats",
            "ratio",
            "max-perplexity-increase",
            "perplexity-text",
            "method",
            "solver",
            "pursuit",
            "budget",
            "objective",
            "output-covariance",
            "output-shrinkage",
            "propagate",
            "rounds",
            "seed",
            "windows",
            "window",
            "sample",
            "value-bits",
            "dictionary-bits",
            "group-size",
            "groups",
            "include",
            "exclude",
            "overrides",
            "share",
            "share-objective",
            "share-include",
            "share-groups",
            "backend",
            "threads",
            "keep-work",
            "force");

    private static final List<String> OVERRIDE_KEYS = List.of("pattern", "ratio", "dense");
    /** Weights with one scale, as in GPTQ's and most later tables. */
    private static final int DEFAULT_WEIGHT_GROUP = 128;

    private static final long LARGEST_FILE = 1 << 20;

    /** What estimates of memory and time go by while the ratio is not known. */
    private static final double ASSUMED_RATIO = 0.2;

    private final ObjectNode values;
    private final String file;
    private final Set<String> onCommandLine;

    private RecipeDocument(ObjectNode values, String file, Set<String> onCommandLine) {
        this.values = values;
        this.file = file;
        this.onCommandLine = onCommandLine;
    }

    /** No options at all. */
    public static RecipeDocument empty() {
        return new RecipeDocument(JsonNodeFactory.instance.objectNode(), "", Set.of());
    }

    /**
     * Reads a recipe file.
     *
     * @throws CospadiException if it can't be read, is no mapping, or has an unknown key
     */
    public static RecipeDocument read(Path path) {
        String text;
        try {
            if (Files.size(path) > LARGEST_FILE) {
                throw new CospadiException("recipe " + path + " has " + Files.size(path)
                        + " bytes; a recipe is a page of YAML or JSON, at most " + LARGEST_FILE);
            }
            text = Files.readString(path);
        } catch (NoSuchFileException e) {
            throw new CospadiException("recipe " + path + " does not exist; name a YAML or JSON file", e);
        } catch (CharacterCodingException e) {
            throw new CospadiException("recipe " + path + " is no UTF-8 text; name a YAML or JSON file", e);
        } catch (IOException e) {
            throw new CospadiException("recipe " + path + " can't be read: " + e.getMessage(), e);
        }
        return parse(text, path.toString());
    }

    /** The same for a text whose origin {@code file} is named in messages. */
    static RecipeDocument parse(String text, String file) {
        ObjectMapper mapper = text.stripLeading().startsWith("{")
                ? JsonMapper.builder()
                        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                        .build()
                : YAMLMapper.builder()
                        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                        .build();
        JsonNode root;
        try (JsonParser parser = mapper.getFactory().createParser(text)) {
            root = mapper.readTree(parser);
            if (parser.nextToken() != null) {
                throw new CospadiException("recipe " + file + " holds a second document at line "
                        + parser.currentLocation().getLineNr() + "; a recipe is one mapping");
            }
        } catch (JsonProcessingException e) {
            String where =
                    e.getLocation() == null ? "" : ", line " + e.getLocation().getLineNr();
            throw new CospadiException(
                    "recipe " + file + where + ": "
                            + e.getOriginalMessage().lines().findFirst().orElse("malformed")
                            + "; a recipe is YAML or JSON",
                    e);
        } catch (IOException e) {
            throw new CospadiException("recipe " + file + " can't be read: " + e.getMessage(), e);
        }
        if (root == null || !root.isObject()) {
            throw new CospadiException("recipe " + file + " is no mapping of options to values, such as 'ratio: 0.2'");
        }
        ObjectNode values = (ObjectNode) root;
        values.fieldNames().forEachRemaining(key -> {
            if (!KEYS.contains(key)) {
                throw new CospadiException("recipe " + file + " has the unknown key '" + key + "'"
                        + NearestName.hint(key, KEYS) + " (known: " + String.join(", ", KEYS) + ")");
            }
        });
        return new RecipeDocument(values, file, Set.of());
    }

    /** These options with those of the command line laid over them, key by key. */
    public RecipeDocument overlay(ObjectNode commandLine) {
        ObjectNode merged = values.deepCopy();
        Set<String> given = new HashSet<>(onCommandLine);
        for (Map.Entry<String, JsonNode> option : commandLine.properties()) {
            merged.set(option.getKey(), option.getValue());
            given.add(option.getKey());
        }
        return new RecipeDocument(merged, file, given);
    }

    /** {@code cpu}, {@code cuda} or {@code auto}. */
    public String backend() {
        String backend = string("backend").orElse("auto");
        if (!List.of("auto", "cpu", "cuda").contains(backend)) {
            throw wrong("backend", "is one of auto, cpu, cuda", backend);
        }
        return backend;
    }

    /** The model's folder, where the document names one. */
    public Optional<Path> model() {
        return string("model").map(Path::of);
    }

    /** Threads to compute with, where the document says. */
    public Optional<Integer> threads() {
        return integer("threads", 1, 4096);
    }

    /**
     * Where the job reads and writes.
     *
     * @throws RecipeException if model or out are missing, or not exactly one of data and stats is given
     */
    public JobPlaces places() {
        Path model = model().orElseThrow(() -> missing("MODEL", "the model's folder"));
        Path out = string("out").map(Path::of).orElseThrow(() -> missing("--out", "the folder to be written"));
        List<Path> data = strings("data").stream().map(Path::of).toList();
        Optional<Path> stats = string("stats").map(Path::of);
        if (data.isEmpty() && stats.isEmpty()) {
            throw missing("--data or --stats", "text to calibrate on, or a folder of calibrate");
        }
        if (!data.isEmpty() && stats.isPresent()) {
            throw new RecipeException(
                    "both --data and --stats are given; leave one of them out",
                    onCommandLine.contains("data") || onCommandLine.contains("stats"));
        }
        Optional<Path> perplexityText = string("perplexity-text").map(Path::of);
        boolean limited = percent("max-perplexity-increase").isPresent();
        if (limited && perplexityText.isEmpty()) {
            throw missing("--perplexity-text", "held-out text on which --max-perplexity-increase holds");
        }
        if (!limited && perplexityText.isPresent()) {
            throw wrong(
                    "perplexity-text",
                    "belongs to --max-perplexity-increase",
                    perplexityText.get().toString());
        }
        return new JobPlaces(model, out, data, stats, perplexityText, flag("keep-work"), flag("force"));
    }

    /**
     * What is to be done.
     *
     * @throws RecipeException naming the first option whose value makes no sense
     */
    public Recipe recipe() {
        Optional<Double> percent = percent("max-perplexity-increase");
        double ratio = ratio(values.get("ratio"), "ratio")
                .or(() -> percent.map(limit -> ASSUMED_RATIO))
                .orElseThrow(() -> missing("--ratio", "the share to save, or --max-perplexity-increase"));
        if (percent.isPresent() && values.hasNonNull("ratio")) {
            throw wrong(
                    "max-perplexity-increase", "finds the ratio; leave --ratio out", percent.get() + "' and '" + ratio);
        }
        Method method = choice("method", Method.values(), Method::option).orElse(Method.COSPADI);
        Optional<Solver> givenSolver = choice("solver", Solver.values(), Solver::option);
        if (givenSolver.isPresent() && method != Method.COSPADI) {
            throw wrong(
                    "solver",
                    "belongs to method cospadi, not to " + method.option(),
                    givenSolver.get().option());
        }
        Solver solver = givenSolver.orElse(Solver.BLOCK);
        Pursuit pursuit = pursuit(method, solver);
        BudgetChoice budget = choice("budget", BudgetChoice.values(), BudgetChoice::option)
                .orElse(method.rounds() ? BudgetChoice.UNIFORM : BudgetChoice.AUTO);
        if (method.rounds() && budget != BudgetChoice.UNIFORM) {
            throw wrong("budget", "is uniform for " + method.option(), budget.option());
        }
        Propagation propagation =
                choice("propagate", Propagation.values(), Propagation::option).orElse(Propagation.DENSE);
        OutputCovariance covariance = choice("output-covariance", OutputCovariance.values(), OutputCovariance::option)
                .orElse(OutputWeighting.of(method).covariance());
        Sharing sharing = sharing(method, solver, sharedLayers(method, budget, propagation, covariance));
        if (propagation.sequential() && sharing.any()) {
            throw wrong(
                    "propagate",
                    "is dense where projections share a dictionary: it would have to be made before the layers between its"
                            + " members are compressed; choose --share 1",
                    propagation.option());
        }
        if (sharing.any() && budget == BudgetChoice.POOLED) {
            throw wrong("budget", "is auto or uniform where projections share a dictionary", budget.option());
        }
        if (percent.isPresent() && (budget != BudgetChoice.AUTO || method == Method.ZERO_SUM_SVD)) {
            throw wrong(
                    "max-perplexity-increase",
                    "follows predicted losses: it needs budget auto, and another method than zero-sum-svd",
                    "budget " + budget.option() + ", method " + method.option());
        }
        List<ProjectionOverride> overrides = overrides();
        if (budget != BudgetChoice.UNIFORM && !overrides.isEmpty()) {
            throw wrong(
                    "overrides",
                    "belong to the uniform budget; use exclude with the others",
                    "budget " + budget.option());
        }
        int defaultRounds = SolverSettings.defaultRounds(method, solver);
        Optional<Integer> rounds = integer("rounds", 0, 1_000_000);
        if (rounds.isPresent() && !method.sparse()) {
            throw wrong(
                    "rounds",
                    "does not apply to " + method.option() + ", which has none",
                    rounds.get().toString());
        }
        return new Recipe(
                ratio,
                method,
                solver,
                pursuit,
                budget,
                objective(method, budget),
                rounds.orElse(defaultRounds),
                whole("seed", Long.MIN_VALUE, Long.MAX_VALUE).orElse(Recipe.DEFAULT_SEED),
                integer("windows", 1, Integer.MAX_VALUE).orElse(Recipe.DEFAULT_WINDOWS),
                integer("window", 2, 1 << 24).orElse(Recipe.DEFAULT_WINDOW),
                choice("sample", Sampling.values(), Sampling::option).orElse(Sampling.CONSECUTIVE),
                precision(method),
                groups(method, solver),
                patterns("include"),
                patterns("exclude"),
                overrides,
                sharing,
                outputs(covariance, method, solver, sharing, objective(method, budget)),
                percent.isPresent() ? OptionalDouble.of(percent.get()) : OptionalDouble.empty(),
                propagation);
    }

    private Pursuit pursuit(Method method, Solver solver) {
        Optional<Pursuit> given = choice("pursuit", Pursuit.values(), Pursuit::option);
        if (given.isPresent() && !SolverSettings.pursues(method, solver)) {
            throw wrong(
                    "pursuit",
                    "belongs to method cospadi with another solver than block, not to "
                            + (method == Method.COSPADI ? solver.option() : method.option()),
                    given.get().option());
        }
        return given.orElse(Pursuit.EXACT);
    }

    private Precision precision(Method method) {
        int valueBits = integer("value-bits", 1, 32).orElse(Precision.DEFAULT.valueBits());
        int dictionaryBits = integer("dictionary-bits", 1, 32).orElse(Precision.DEFAULT.dictionaryBits());
        Optional<Integer> groupSize = integer("group-size", 0, 1 << 24);
        if (!Precision.isValueBits(valueBits)) {
            throw wrong("value-bits", "is 16, 14 or 3 to 8", String.valueOf(valueBits));
        }
        if (!Precision.isDictionaryBits(dictionaryBits)) {
            throw wrong("dictionary-bits", "is 16 or 3 to 8", String.valueOf(dictionaryBits));
        }
        Precision precision =
                new Precision(valueBits, dictionaryBits, groupSize.orElse(method.rounds() ? DEFAULT_WEIGHT_GROUP : 0));
        if (groupSize.isPresent() && !precision.hasScales() && !method.rounds()) {
            throw wrong("group-size", "needs value-bits or dictionary-bits of 3 to 8", String.valueOf(groupSize.get()));
        }
        if (!method.sparse()
                && (valueBits != Precision.DEFAULT.valueBits()
                        || dictionaryBits != Precision.DEFAULT.dictionaryBits())) {
            throw wrong(
                    valueBits != Precision.DEFAULT.valueBits() ? "value-bits" : "dictionary-bits",
                    "does not apply to " + method.option()
                            + (method.rounds()
                                    ? ", whose bits are the most that meet the ratio"
                                    : ", whose factors are bf16"),
                    precision.toString());
        }
        return precision;
    }

    private MaskGroups groups(Method method, Solver solver) {
        MaskGroups groups =
                choice("groups", MaskGroups.values(), MaskGroups::option).orElse(MaskGroups.NONE);
        if (groups != MaskGroups.NONE && !SolverSettings.inGroups(method, solver)) {
            throw wrong(
                    "groups",
                    "belongs to method compot and to cospadi with solver block, not to "
                            + (method == Method.COSPADI ? solver.option() : method.option()),
                    groups.option());
        }
        return groups;
    }

    /** The rivals keep the objective of their papers, so that a comparison shows what each part brings. */
    private Objective objective(Method method, BudgetChoice budget) {
        Optional<Objective> given = choice("objective", Objective.values(), Objective::option);
        if (method == Method.KFAC_SVD) {
            if (given.isPresent() && given.get() != Objective.LOSS) {
                throw wrong("objective", "is loss for kfac-svd, whose outputs are whitened by it", "output");
            }
            return Objective.LOSS;
        }
        if (given.isPresent() && given.get() == Objective.LOSS && method != Method.COSPADI) {
            throw wrong("objective", "loss belongs to methods cospadi and kfac-svd, not to " + method.option(), "loss");
        }
        return given.orElse(
                method == Method.COSPADI && budget == BudgetChoice.AUTO ? Objective.LOSS : Objective.OUTPUT);
    }

    /** All of H takes part where a method can use it: in both whitenings of kfac-svd, or in the block solver. */
    private OutputWeighting outputs(
            OutputCovariance covariance, Method method, Solver solver, Sharing sharing, Objective objective) {
        boolean block = method == Method.COSPADI
                && solver == Solver.BLOCK
                && !sharing.any()
                && !precision(method).hasScales();
        if (covariance == OutputCovariance.FULL
                && method != Method.KFAC_SVD
                && !(block && objective == Objective.LOSS)) {
            throw wrong(
                    "output-covariance",
                    "is full for kfac-svd, or for objective loss with solver block, 14-bit codes and no sharing, else diagonal",
                    "full");
        }
        JsonNode shrinkage = values.get("output-shrinkage");
        if (shrinkage == null || shrinkage.isNull()) {
            return new OutputWeighting(covariance, OptionalDouble.empty());
        }
        double share = shrinkage.isNumber() ? shrinkage.doubleValue() : Double.NaN;
        if (!(share > 0 && share <= 1)) {
            throw wrong("output-shrinkage", "is a share above 0 and at most 1, such as 0.05", shrinkage.asText());
        }
        return new OutputWeighting(covariance, OptionalDouble.of(share));
    }

    /**
     * Groups of two are Basis Sharing's own, and what cospadi does best with under the loss-aware budget, unless something is
     * asked for that goes projection by projection. The uniform budget is the paper's protocol, a dictionary a projection.
     */
    private static int sharedLayers(
            Method method, BudgetChoice budget, Propagation propagation, OutputCovariance covariance) {
        boolean pairs = method == Method.COSPADI
                && budget == BudgetChoice.AUTO
                && !propagation.sequential()
                && covariance == OutputCovariance.DIAGONAL;
        return pairs || method == Method.BASIS_SHARING ? 2 : 1;
    }

    /** Groups that are listed replace those of {@code layers} adjacent ones, unless the document asks for both. */
    private Sharing sharing(Method method, Solver solver, int layers) {
        List<List<NamePattern>> groups = shareGroups();
        Optional<Integer> given = integer("share", 1, 100_000);
        boolean block = method == Method.COSPADI && solver == Solver.BLOCK;
        Sharing sharing = new Sharing(
                given.orElse(groups.isEmpty() ? layers : 1),
                patterns("share-include"),
                groups,
                choice("share-objective", ShareObjective.values(), ShareObjective::option)
                        .orElse(ShareObjective.MEAN));
        if (!sharing.any()) {
            if (!sharing.include().isEmpty()) {
                throw wrong("share-include", "needs share, the number of layers in a group", "no share");
            }
            return Sharing.NONE;
        }
        if (!method.shares()) {
            throw wrong(
                    given.isPresent() ? "share" : "share-groups",
                    "belongs to methods cospadi and basis-sharing, not to " + method.option(),
                    given.map(String::valueOf).orElse("share-groups"));
        }
        if (sharing.objective() == ShareObjective.EXACT && !block) {
            throw wrong("share-objective", "is mean but for method cospadi with solver block", "exact");
        }
        return sharing;
    }

    private List<List<NamePattern>> shareGroups() {
        JsonNode list = values.get("share-groups");
        if (list == null || list.isNull()) {
            return List.of();
        }
        if (!list.isArray()) {
            throw wrong("share-groups", "is a list of groups, each a list of patterns", list.toString());
        }
        List<List<NamePattern>> groups = new ArrayList<>();
        for (JsonNode group : list) {
            groups.add(strings("share-groups", group).stream()
                    .map(NamePattern::new)
                    .toList());
        }
        return groups;
    }

    private List<NamePattern> patterns(String key) {
        return strings(key).stream().map(NamePattern::new).toList();
    }

    private List<ProjectionOverride> overrides() {
        JsonNode list = values.get("overrides");
        if (list == null || list.isNull()) {
            return List.of();
        }
        if (!list.isArray()) {
            throw wrong("overrides", "is a list of mappings with pattern and ratio or dense", list.toString());
        }
        List<ProjectionOverride> overrides = new ArrayList<>();
        for (JsonNode entry : list) {
            entry.fieldNames().forEachRemaining(key -> {
                if (!OVERRIDE_KEYS.contains(key)) {
                    throw wrong(
                            "overrides", "knows pattern, ratio and dense" + NearestName.hint(key, OVERRIDE_KEYS), key);
                }
            });
            JsonNode pattern = entry.path("pattern");
            OptionalDouble ratio = ratio(entry.get("ratio"), "overrides: ratio")
                    .map(OptionalDouble::of)
                    .orElse(OptionalDouble.empty());
            boolean dense = entry.path("dense").asBoolean(false);
            if (!pattern.isTextual() || dense == ratio.isPresent()) {
                throw wrong("overrides", "needs a pattern and either a ratio or 'dense: true'", entry.toString());
            }
            overrides.add(new ProjectionOverride(new NamePattern(pattern.textValue()), ratio));
        }
        return overrides;
    }

    private Optional<Double> ratio(JsonNode node, String key) {
        if (node == null || node.isNull()) {
            return Optional.empty();
        }
        double ratio = node.isNumber() ? node.doubleValue() : Double.NaN;
        if (!(ratio > 0 && ratio < 1)) {
            throw wrong(key, "is a share between 0 and 1, such as 0.2", node.asText());
        }
        return Optional.of(ratio);
    }

    private Optional<Double> percent(String key) {
        JsonNode node = values.get(key);
        if (node == null || node.isNull()) {
            return Optional.empty();
        }
        double percent = node.isNumber() ? node.doubleValue() : Double.NaN;
        if (!(percent > 0 && percent < Double.POSITIVE_INFINITY)) {
            throw wrong(key, "is a number of per cent above 0, such as 5", node.asText());
        }
        return Optional.of(percent);
    }

    private Optional<Integer> integer(String key, int least, int most) {
        return whole(key, least, most).map(Long::intValue);
    }

    private Optional<Long> whole(String key, long least, long most) {
        JsonNode node = values.get(key);
        if (node == null || node.isNull()) {
            return Optional.empty();
        }
        if (!node.isIntegralNumber()
                || !node.canConvertToLong()
                || node.longValue() < least
                || node.longValue() > most) {
            String range = most == Long.MAX_VALUE ? "of 64 bits" : "from " + least + " to " + most;
            throw wrong(key, "is a whole number " + range, node.asText());
        }
        return Optional.of(node.longValue());
    }

    private boolean flag(String key) {
        JsonNode node = values.get(key);
        if (node == null || node.isNull()) {
            return false;
        }
        if (!node.isBoolean()) {
            throw wrong(key, "is true or false", node.asText());
        }
        return node.booleanValue();
    }

    private Optional<String> string(String key) {
        JsonNode node = values.get(key);
        if (node == null || node.isNull()) {
            return Optional.empty();
        }
        if (!node.isTextual() || node.textValue().isEmpty()) {
            throw wrong(key, "is a text", node.toString());
        }
        return Optional.of(node.textValue());
    }

    /** A list, or one text alone. */
    private List<String> strings(String key) {
        JsonNode node = values.get(key);
        return node == null || node.isNull() ? List.of() : strings(key, node);
    }

    private List<String> strings(String key, JsonNode node) {
        List<String> strings = new ArrayList<>();
        for (JsonNode element : node.isArray() ? node : List.of(node)) {
            if (!element.isTextual() || element.textValue().isEmpty()) {
                throw wrong(key, "is a text or a list of texts", node.toString());
            }
            strings.add(element.textValue());
        }
        return strings;
    }

    private <T> Optional<T> choice(String key, T[] choices, Function<T, String> name) {
        Optional<String> given = string(key);
        if (given.isEmpty()) {
            return Optional.empty();
        }
        for (T choice : choices) {
            if (name.apply(choice).equals(given.get())) {
                return Optional.of(choice);
            }
        }
        List<String> names = Arrays.stream(choices).map(name).toList();
        throw wrong(key, "is one of " + String.join(", ", names) + NearestName.hint(given.get(), names), given.get());
    }

    private RecipeException wrong(String key, String rule, String found) {
        boolean given = onCommandLine.contains(key);
        String where = given ? "--" + key : "recipe " + file + ": " + key;
        return new RecipeException(where + " " + rule + "; found '" + found + "'", given);
    }

    private static RecipeException missing(String option, String what) {
        return new RecipeException(option + " is missing: " + what, true);
    }
}
