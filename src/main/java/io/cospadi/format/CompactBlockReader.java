package io.cospadi.format;

import com.fasterxml.jackson.databind.JsonNode;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.LevelGrid;
import io.cospadi.tensor.MaskGroups;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Reads and checks the {@code cospadi} block against the rest of config.json; nothing in it is taken on trust. */
final class CompactBlockReader {
    /** Far beyond any use; keeps products of two such numbers within a long. */
    private static final int MAX_ATOMS = 1 << 24;

    private final Path file;
    private final JsonNode block;
    private final Map<String, Projection> projections = new HashMap<>();
    private int version;

    CompactBlockReader(Path file, JsonNode block, ModelConfig config) {
        this.file = file;
        this.block = block;
        config.projections().forEach(p -> projections.put(p.name(), p));
    }

    /**
     * The block.
     *
     * @throws CospadiException naming file, key, found and expected
     */
    CompactBlock read() {
        if (block == null || !block.isObject()) {
            throw wrong(CompactFormat.BLOCK, block, "an object; is this a compact folder?");
        }
        JsonNode version = block.get("format_version");
        if (version == null
                || !version.isInt()
                || version.intValue() < 1
                || version.intValue() > CompactFormat.VERSION) {
            throw wrong(
                    "format_version",
                    version,
                    "1 to " + CompactFormat.VERSION + "; use the program that wrote the folder");
        }
        this.version = version.intValue();
        SortedMap<String, CompactModule> modules = modules();
        return new CompactBlock(
                text("method"),
                textOrNull("base_model"),
                textOrNull("base_commit"),
                precision(),
                maskGroups(),
                ratio("cr_target"),
                ratio("cr_true_projections"),
                ratio("cr_true_file"),
                baseFileBytes(),
                keptDense(modules),
                modules);
    }

    private Precision precision() {
        boolean levels = version >= 3;
        JsonNode valueBits = block.get("value_bits");
        if (valueBits == null
                || !valueBits.isInt()
                || !Precision.isValueBits(valueBits.intValue())
                || (!levels && LevelGrid.isBits(valueBits.intValue()))) {
            throw wrong(
                    "value_bits", valueBits, "16 or 14" + (levels ? ", or 3 to 8" : " in format version " + version));
        }
        if (!levels) {
            return Precision.ofValues(valueBits.intValue());
        }
        JsonNode dictionaryBits = block.get("dictionary_bits");
        if (dictionaryBits == null
                || !dictionaryBits.isInt()
                || !Precision.isDictionaryBits(dictionaryBits.intValue())) {
            throw wrong("dictionary_bits", dictionaryBits, "16, or 3 to 8");
        }
        JsonNode groupSize = block.get("group_size");
        if (groupSize == null || !groupSize.isInt() || groupSize.intValue() < 0 || groupSize.intValue() > MAX_ATOMS) {
            throw wrong("group_size", groupSize, "a whole number from 0 to " + MAX_ATOMS);
        }
        return new Precision(valueBits.intValue(), dictionaryBits.intValue(), groupSize.intValue());
    }

    private SortedMap<String, CompactModule> modules() {
        JsonNode entries = block.get("modules");
        if (entries == null || !entries.isObject()) {
            throw wrong("modules", entries, "an object with an entry for each factored projection");
        }
        SortedMap<String, CompactModule> modules = new TreeMap<>();
        Map<String, CompactModule> groups = new HashMap<>();
        for (Map.Entry<String, JsonNode> entry : entries.properties()) {
            CompactModule module = module(entry.getKey(), entry.getValue());
            modules.put(entry.getKey(), module);
            CompactModule first = module.group() == null ? null : groups.putIfAbsent(module.group(), module);
            if (first != null
                    && (first.getClass() != module.getClass()
                            || first.d1() != module.d1()
                            || first.width() != module.width())) {
                throw wrong(
                        "modules." + entry.getKey(),
                        entry.getValue(),
                        "in " + first.d1() + " and " + (first instanceof CompactModule.Sparse ? "k " : "r ")
                                + first.width() + " as in the rest of group " + module.group());
            }
        }
        return modules;
    }

    private CompactModule module(String name, JsonNode entry) {
        Projection projection = projections.get(name);
        String key = "modules." + name;
        if (projection == null) {
            throw wrong(
                    key,
                    entry,
                    "only projections of this model, such as "
                            + projections.keySet().stream()
                                    .min(String::compareTo)
                                    .orElseThrow());
        }
        if (!entry.isObject()) {
            throw wrong(key, entry, "an object");
        }
        if (whole(key, entry, "in") != projection.d1() || whole(key, entry, "out") != projection.d2()) {
            throw wrong(key, entry, "in " + projection.d1() + " and out " + projection.d2() + " by the model's shape");
        }
        if (entry.has("bits")) {
            int bits = whole(key, entry, "bits");
            if (version < 3 || !LevelGrid.isBits(bits)) {
                throw wrong(
                        key + ".bits", entry.get("bits"), version < 3 ? "none in format version " + version : "3 to 8");
            }
            return new CompactModule.Rounded(projection.d1(), projection.d2(), bits);
        }
        if (entry.has("r")) {
            if (entry.hasNonNull("group") && version < 2) {
                throw wrong(key + ".group", entry.get("group"), "none in format version " + version);
            }
            return new CompactModule.LowRank(
                    projection.d1(), projection.d2(), whole(key, entry, "r"), group(key, entry.get("group")));
        }
        int k = whole(key, entry, "k");
        int s = whole(key, entry, "s");
        if (s > k) {
            throw wrong(key, entry, "s of at most k");
        }
        return new CompactModule.Sparse(projection.d1(), projection.d2(), k, s, group(key, entry.get("group")));
    }

    private String group(String key, JsonNode group) {
        if (group == null || group.isNull()) {
            return null;
        }
        if (!group.isTextual()
                || !CompactFormat.GROUP_NAME.matcher(group.asText()).matches()) {
            throw wrong(key + ".group", group, "a name of letters, digits, '_', '.' and '-', or null");
        }
        return group.asText();
    }

    private int whole(String key, JsonNode entry, String field) {
        JsonNode value = entry.get(field);
        if (value == null || !value.isInt() || value.intValue() < 1 || value.intValue() > MAX_ATOMS) {
            throw wrong(key + "." + field, value, "a whole number from 1 to " + MAX_ATOMS);
        }
        return value.intValue();
    }

    private SortedSet<String> keptDense(SortedMap<String, CompactModule> modules) {
        SortedSet<String> kept = new TreeSet<>();
        JsonNode names = block.get("kept_dense");
        if (names == null || !names.isArray()) {
            throw wrong("kept_dense", names, "a list of projections, possibly empty");
        }
        for (JsonNode name : names) {
            if (!name.isTextual()
                    || !projections.containsKey(name.asText())
                    || modules.containsKey(name.asText())
                    || !kept.add(name.asText())) {
                throw wrong("kept_dense", name, "each once, projections of this model that modules doesn't list");
            }
        }
        return kept;
    }

    private MaskGroups maskGroups() {
        JsonNode value = block.get("mask_groups");
        if (value == null) {
            return MaskGroups.NONE;
        }
        return MaskGroups.of(value.asText())
                .orElseThrow(() -> wrong(
                        "mask_groups",
                        value,
                        "one of "
                                + Arrays.stream(MaskGroups.values())
                                        .map(MaskGroups::option)
                                        .collect(Collectors.joining(", "))));
    }

    private double ratio(String key) {
        JsonNode value = block.get(key);
        if (value == null || !value.isNumber() || !Double.isFinite(value.doubleValue()) || value.doubleValue() >= 1) {
            throw wrong(key, value, "a number below 1");
        }
        return value.doubleValue();
    }

    private long baseFileBytes() {
        JsonNode value = block.get("base_file_bytes");
        if (value == null || !value.canConvertToLong() || !value.isIntegralNumber() || value.longValue() < 1) {
            throw wrong("base_file_bytes", value, "a positive whole number");
        }
        return value.longValue();
    }

    private String text(String key) {
        JsonNode value = block.get(key);
        if (value == null || !value.isTextual()) {
            throw wrong(key, value, "a string");
        }
        return value.asText();
    }

    private String textOrNull(String key) {
        JsonNode value = block.get(key);
        return value == null || value.isNull() ? null : text(key);
    }

    private CospadiException wrong(String key, JsonNode found, String expected) {
        return new CospadiException(file + ": " + CompactFormat.BLOCK + "." + key + " is "
                + (found == null ? "missing" : StrictJson.oneLine(found.toString())) + ", expected " + expected
                + "; the compact folder is damaged: copy or compress it again");
    }
}
