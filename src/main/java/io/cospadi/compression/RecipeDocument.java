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
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

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

    private static final long LARGEST_FILE = 1 << 20;

    private final RecipeValues values;

    private RecipeDocument(RecipeValues values) {
        this.values = values;
    }

    /** No options at all. */
    public static RecipeDocument empty() {
        return new RecipeDocument(new RecipeValues(JsonNodeFactory.instance.objectNode(), "", Set.of()));
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
            throw new CospadiException("recipe " + path + " can't be read: " + FileFailure.reason(e), e);
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
                            + StrictJson.reason(e).lines().findFirst().orElse("malformed")
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
        return new RecipeDocument(new RecipeValues(values, file, Set.of()));
    }

    /** These options with those of the command line laid over them, key by key. */
    public RecipeDocument overlay(ObjectNode commandLine) {
        return new RecipeDocument(values.overlay(commandLine));
    }

    /** {@code cpu}, {@code cuda} or {@code auto}. */
    public String backend() {
        String backend = values.string("backend").orElse("auto");
        if (!List.of("auto", "cpu", "cuda").contains(backend)) {
            throw values.wrong("backend", "is one of auto, cpu, cuda", backend);
        }
        return backend;
    }

    /** The model's folder, where the document names one. */
    public Optional<Path> model() {
        return values.string("model").map(Path::of);
    }

    /** Threads to compute with, where the document says. */
    public Optional<Integer> threads() {
        return values.integer("threads", 1, 4096);
    }

    /**
     * Where the job reads and writes.
     *
     * @throws RecipeException if model or out are missing, or not exactly one of data and stats is given
     */
    public JobPlaces places() {
        Path model = model().orElseThrow(RecipeException::missingModel);
        Path out = values.string("out")
                .map(Path::of)
                .orElseThrow(() -> RecipeException.missing("--out", "the folder to be written"));
        List<Path> data = values.strings("data").stream().map(Path::of).toList();
        Optional<Path> stats = values.string("stats").map(Path::of);
        if (data.isEmpty() && stats.isEmpty()) {
            throw RecipeException.missing("--data or --stats", "text to calibrate on, or a folder of calibrate");
        }
        if (!data.isEmpty() && stats.isPresent()) {
            throw new RecipeException(
                    "both --data and --stats are given; leave one of them out",
                    values.isOnCommandLine("data") || values.isOnCommandLine("stats"));
        }
        Optional<Path> perplexityText = values.string("perplexity-text").map(Path::of);
        boolean limited = values.percent("max-perplexity-increase").isPresent();
        if (limited && perplexityText.isEmpty()) {
            throw RecipeException.missing(
                    "--perplexity-text", "held-out text on which --max-perplexity-increase holds");
        }
        if (!limited && perplexityText.isPresent()) {
            throw values.wrong(
                    "perplexity-text",
                    "belongs to --max-perplexity-increase",
                    perplexityText.get().toString());
        }
        return new JobPlaces(model, out, data, stats, perplexityText, values.flag("keep-work"), values.flag("force"));
    }

    /**
     * What is to be done.
     *
     * @throws RecipeException naming the first option whose value makes no sense
     */
    public Recipe recipe() {
        return new RecipeRules(values).recipe();
    }
}
