package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.compression.RecipeDocument;
import io.cospadi.tensor.MaskGroups;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options that say what is to be done to a model; each is also a key of a recipe file. */
final class RecipeOptions {
    @Parameters(arity = "0..1", paramLabel = "MODEL", description = "Hugging Face folder of a dense model.")
    String model;

    @Option(names = "--recipe", paramLabel = "FILE", description = "YAML or JSON with any of these options as keys.")
    Path recipe;

    @Option(names = "--ratio", paramLabel = "R", description = "Share of the projections' bytes to save, such as 0.2.")
    Double ratio;

    @Option(
            names = "--max-perplexity-increase",
            paramLabel = "X",
            description = "Instead of --ratio: the largest at which perplexity is predicted to rise by at most X %%.")
    Double maxPerplexityIncrease;

    @Option(
            names = "--perplexity-text",
            paramLabel = "FILE",
            description = "Held-out text on which that holds: its first 16 windows.")
    String perplexityText;

    @Option(
            names = "--method",
            paramLabel = "NAME",
            converter = Choices.MethodName.class,
            description =
                    "cospadi (default), compot, svd-llm, kfac-svd, zero-sum-svd, asvd, svd, basis-sharing, rtn, gptq.")
    String method;

    @Option(
            names = "--solver",
            paramLabel = "NAME",
            converter = Choices.SolverName.class,
            description = "Of cospadi: block (default), ksvd, ksvd-exact, ksvd-blocked, mod.")
    String solver;

    @Option(
            names = "--pursuit",
            paramLabel = "NAME",
            converter = Choices.PursuitName.class,
            description = "Of the solvers but block: exact (default), or staged: many atoms a stage, products alone.")
    String pursuit;

    @Option(
            names = "--budget",
            paramLabel = "NAME",
            converter = Choices.BudgetName.class,
            description = "auto (default; least predicted loss), uniform, pooled.")
    String budget;

    @Option(
            names = "--objective",
            paramLabel = "NAME",
            converter = Choices.ObjectiveName.class,
            description = "What is kept small: output, or loss (default of cospadi with auto).")
    String objective;

    @Option(
            names = "--output-covariance",
            paramLabel = "NAME",
            converter = Choices.CovarianceName.class,
            description =
                    "Of the loss gradients, that objective loss counts by: diagonal, or full (default of kfac-svd; of"
                            + " block).")
    OutputCovariance outputCovariance;

    @Option(
            names = "--output-shrinkage",
            paramLabel = "X",
            description = "Share of it that its mean diagonal replaces (default: 0.05, of full 0.3).")
    Double outputShrinkage;

    @Option(
            names = "--propagate",
            paramLabel = "NAME",
            converter = Choices.PropagationName.class,
            description =
                    "What projections are fitted to: the dense model's inputs (dense, default), those that the compressed"
                            + " layers before them give (inputs), or these with the dense model's outputs as target (compressed).")
    String propagate;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "Rounds of the solver (default: block 40, others of cospadi 60, compot 20).")
    Integer rounds;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of random starts and windows (default: 42).")
    Long seed;

    @Option(names = "--windows", paramLabel = "N", description = "Calibration windows of --data (default: 256).")
    Integer windows;

    @Option(names = "--window", paramLabel = "N", description = "Tokens in each (default: 1024).")
    Integer window;

    @Option(
            names = "--sample",
            paramLabel = "NAME",
            converter = Choices.SamplingName.class,
            description = "Windows taken: consecutive (default) or random.")
    String sample;

    @Option(
            names = "--value-bits",
            paramLabel = "N",
            description = "Bits of a stored code: 14 (default), 16, or 3 to 8 with scales.")
    Integer valueBits;

    @Option(
            names = "--dictionary-bits",
            paramLabel = "N",
            description = "Bits of a dictionary's element: 16 (default), or 3 to 8 with scales.")
    Integer dictionaryBits;

    @Option(
            names = "--group-size",
            paramLabel = "N",
            description = "Neighbours of a row that share a scale; 0 (default, rtn and gptq 128): the whole row.")
    Integer groupSize;

    @Option(
            names = "--groups",
            paramLabel = "none|8:16|2:4",
            converter = Choices.GroupsName.class,
            description =
                    "Codes anywhere in a row (default), or half of every 16 or 4 neighbours; of block and compot.")
    MaskGroups groups;

    @Option(
            names = "--include",
            paramLabel = "PATTERN",
            description = "Compress only these projections, such as 'mlp.*' or 'layers.3.*'; repeatable.")
    List<String> include;

    @Option(
            names = "--exclude",
            paramLabel = "PATTERN",
            description = "Leave these out, such as 'layers.0.*'; repeatable.")
    List<String> exclude;

    @Option(
            names = "--share",
            paramLabel = "N",
            description =
                    "Adjacent layers of one type that share a dictionary (default: cospadi with auto 2, basis-sharing 2,"
                            + " else 1).")
    Integer share;

    @Option(
            names = "--share-objective",
            paramLabel = "NAME",
            converter = Choices.ShareObjectiveName.class,
            description = "Of shared dictionaries: mean (default), exact (of block).")
    String shareObjective;

    @Option(
            names = "--share-include",
            paramLabel = "PATTERN",
            description = "Share only among these projections, such as '{q,k}_proj'; repeatable.")
    List<String> shareInclude;

    /** The recipe file, if there is one, with what was given on the command line laid over it. */
    RecipeDocument document(ObjectNode others) {
        RecipeDocument document = recipe == null ? RecipeDocument.empty() : RecipeDocument.read(recipe);
        return document.overlay(given()).overlay(others);
    }

    private ObjectNode given() {
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        put(given, "model", model);
        put(given, "method", method);
        put(given, "solver", solver);
        put(given, "pursuit", pursuit);
        put(given, "budget", budget);
        put(given, "objective", objective);
        put(given, "propagate", propagate);
        put(given, "output-covariance", outputCovariance == null ? null : outputCovariance.option());
        if (outputShrinkage != null) {
            given.put("output-shrinkage", outputShrinkage);
        }
        put(given, "sample", sample);
        if (ratio != null) {
            given.put("ratio", ratio);
        }
        if (maxPerplexityIncrease != null) {
            given.put("max-perplexity-increase", maxPerplexityIncrease);
        }
        put(given, "perplexity-text", perplexityText);
        put(given, "rounds", rounds);
        put(given, "windows", windows);
        put(given, "window", window);
        put(given, "value-bits", valueBits);
        put(given, "dictionary-bits", dictionaryBits);
        put(given, "group-size", groupSize);
        put(given, "groups", groups == null ? null : groups.option());
        if (seed != null) {
            given.put("seed", seed);
        }
        put(given, "share", share);
        put(given, "share-objective", shareObjective);
        put(given, "share-include", shareInclude);
        put(given, "include", include);
        put(given, "exclude", exclude);
        return given;
    }

    static void put(ObjectNode given, String key, String value) {
        if (value != null) {
            given.put(key, value);
        }
    }

    static void put(ObjectNode given, String key, Integer value) {
        if (value != null) {
            given.put(key, value);
        }
    }

    static void put(ObjectNode given, String key, List<String> values) {
        if (values != null && !values.isEmpty()) {
            ArrayNode list = given.putArray(key);
            values.forEach(list::add);
        }
    }
}
