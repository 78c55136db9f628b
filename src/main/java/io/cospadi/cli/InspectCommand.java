package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.format.CompactBlock;
import io.cospadi.format.CompactModel;
import io.cospadi.format.CompactModule;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code inspect MODEL}: what a folder holds, from its headers. */
@Command(name = "inspect", description = "Says what a dense or compact folder holds, from its headers.")
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "Dense or compact folder.")
    private Path model;

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    private boolean json;

    private final Terminal terminal;

    InspectCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Optional<CompactModel> compact =
                    checkpoint.compactBlock() == null ? Optional.empty() : Optional.of(CompactModel.open(model));
            try {
                if (compact.isEmpty()) {
                    checkpoint.requireDense();
                }
                if (json) {
                    terminal.json(json(checkpoint, compact));
                } else {
                    terminal.out().print(text(checkpoint, compact));
                }
            } finally {
                compact.ifPresent(CompactModel::close);
            }
        }
        return ExitStatus.DONE;
    }

    private static long fileBytes(Checkpoint checkpoint) {
        return checkpoint.files().stream().mapToLong(SafetensorsFile::fileBytes).sum();
    }

    private static Map<String, Long> bytesByType(Checkpoint checkpoint) {
        Map<String, Long> bytes = new TreeMap<>();
        for (StoredTensor tensor : checkpoint.tensors().values()) {
            bytes.merge(tensor.dtype().name(), tensor.bytes(), Long::sum);
        }
        return bytes;
    }

    private String text(Checkpoint checkpoint, Optional<CompactModel> compact) {
        ModelConfig config = checkpoint.config();
        StringBuilder text = new StringBuilder();
        line(
                text,
                "%s: a %s %s model",
                model,
                compact.isPresent() ? "compact" : "dense",
                config.architecture().modelType());
        line(
                text,
                "layers %d, hidden size %d, MLP %d, heads %d (%d for keys and values) of %d",
                config.layers(),
                config.hiddenSize(),
                config.intermediateSize(),
                config.heads(),
                config.kvHeads(),
                config.headDim());
        line(
                text,
                "vocabulary %d, positions %d, embeddings %s",
                config.vocabSize(),
                config.maxPositions(),
                config.tiedEmbeddings() ? "tied" : "untied");
        line(
                text,
                "%s in %s, %s: %s",
                Quantities.count(checkpoint.tensors().size(), "tensor"),
                Quantities.count(checkpoint.files().size(), "file"),
                Quantities.bytes(fileBytes(checkpoint)),
                types(checkpoint));
        compact.ifPresent(c -> describe(text, c));
        return text.toString();
    }

    private static String types(Checkpoint checkpoint) {
        List<String> types = new ArrayList<>();
        bytesByType(checkpoint).forEach((type, bytes) -> types.add(type + " " + Quantities.bytes(bytes)));
        return String.join(", ", types);
    }

    private static void describe(StringBuilder text, CompactModel compact) {
        line(
                text,
                "made by %s from %s, %s",
                compact.block().method(),
                compact.block().baseModel() == null
                        ? "an unnamed model"
                        : compact.block().baseModel(),
                precision(compact.block()));
        line(
                text,
                "true ratio %.4f over projections (asked for %s), %.4f over files",
                compact.block().ratio(),
                compact.block().ratioTarget(),
                compact.block().ratioFile());
        Map<String, Integer> shapes = new LinkedHashMap<>();
        for (Projection projection : compact.config().projections()) {
            shapes.merge(shape(compact, projection), 1, Integer::sum);
        }
        shapes.forEach((shape, count) -> line(text, "%4d x %s", count, shape));
    }

    private static String precision(CompactBlock block) {
        Precision precision = block.precision();
        String groups = precision.groupSize() == 0 ? "a row" : precision.groupSize() + " neighbours";
        if (block.modules().values().stream().allMatch(module -> module instanceof CompactModule.Rounded)) {
            return "a scale for " + groups;
        }
        return precision.valueBits() + "-bit codes"
                + (precision.dictionaryLevels() ? ", " + precision.dictionaryBits() + "-bit dictionaries" : "")
                + (precision.hasScales() ? ", a scale for " + groups : "")
                + (block.maskGroups() == MaskGroups.NONE
                        ? ""
                        : ", " + block.maskGroups().option() + " masks");
    }

    private static String shape(CompactModel compact, Projection p) {
        String name = p.type().hfName().substring(p.type().hfName().indexOf('.') + 1);
        String size = String.format(Locale.ROOT, "%-9s %5d to %5d features, ", name, p.d1(), p.d2());
        return size
                + compact.module(p)
                        .map(module -> (module instanceof CompactModule.Sparse sparse
                                        ? "k " + sparse.k() + ", s " + sparse.s()
                                        : module instanceof CompactModule.Rounded rounded
                                                ? rounded.bits() + "-bit weights"
                                                : "rank " + module.width())
                                + sharing(compact, module))
                        .orElse("dense");
    }

    private static String sharing(CompactModel compact, CompactModule module) {
        long members = compact.block().modules().values().stream()
                .filter(other -> module.group() != null && module.group().equals(other.group()))
                .count();
        return members == 0 ? "" : ", shared by " + members;
    }

    private ObjectNode json(Checkpoint checkpoint, Optional<CompactModel> compact) {
        ModelConfig config = checkpoint.config();
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("model", model.toString());
        json.put("compact", compact.isPresent());
        json.put("architecture", config.architecture().modelType());
        json.put("layers", config.layers()).put("hidden_size", config.hiddenSize());
        json.put("intermediate_size", config.intermediateSize());
        json.put("heads", config.heads()).put("kv_heads", config.kvHeads()).put("head_dim", config.headDim());
        json.put("vocab_size", config.vocabSize()).put("max_positions", config.maxPositions());
        json.put("tied_embeddings", config.tiedEmbeddings());
        json.put("tensors", checkpoint.tensors().size());
        json.put("files", checkpoint.files().size());
        json.put("file_bytes", fileBytes(checkpoint));
        ObjectNode types = json.putObject("bytes_by_dtype");
        bytesByType(checkpoint).forEach(types::put);
        compact.ifPresent(c -> json.set("cospadi", checkpoint.compactBlock()));
        return json;
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
