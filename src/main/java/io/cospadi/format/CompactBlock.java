package io.cospadi.format;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.util.Collections;
import java.util.Objects;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The {@code cospadi} block of config.json; its keys are explained in {@link CompactFormat}.
 *
 * @param method        as on the command line
 * @param baseModel     name, or null
 * @param baseCommit    revision, or null
 * @param precision     bits of the factors
 * @param maskGroups    rule that every mask row obeys
 * @param ratioTarget   asked for
 * @param ratio         true ratios, from {@link CompactSizes}
 * @param ratioFile     true ratio of whole files
 * @param baseFileBytes the base at 16 bits
 * @param keptDense     names of targeted projections that stay dense
 * @param modules       factored projections by name
 */
public record CompactBlock(
        String method,
        String baseModel,
        String baseCommit,
        Precision precision,
        MaskGroups maskGroups,
        double ratioTarget,
        double ratio,
        double ratioFile,
        long baseFileBytes,
        SortedSet<String> keptDense,
        SortedMap<String, CompactModule> modules) {
    public CompactBlock {
        keptDense = Collections.unmodifiableSortedSet(new TreeSet<>(keptDense));
        modules = Collections.unmodifiableSortedMap(new TreeMap<>(modules));
    }

    /** The block as JSON, keys in the order of {@link CompactFormat}, modules by name. */
    ObjectNode toJson() {
        ObjectNode block = JsonNodeFactory.instance.objectNode();
        block.put("format_version", version());
        block.put("method", method);
        block.put("base_model", baseModel);
        block.put("base_commit", baseCommit);
        block.put("value_bits", precision.valueBits());
        if (hasScales()) {
            block.put("dictionary_bits", precision.dictionaryBits());
            block.put("group_size", precision.groupSize());
        }
        block.put("mask_groups", maskGroups.option());
        block.put("cr_target", ratioTarget);
        block.put("cr_true_projections", ratio);
        block.put("cr_true_file", ratioFile);
        block.put("base_file_bytes", baseFileBytes);
        ArrayNode dense = block.putArray("kept_dense");
        keptDense.forEach(dense::add);
        ObjectNode entries = block.putObject("modules");
        modules.forEach((name, module) -> entries.set(name, toJson(module)));
        return block;
    }

    /** Names of the groups that share a dictionary or a low-rank basis. */
    public SortedSet<String> groups() {
        return modules.values().stream()
                .map(CompactModule::group)
                .filter(Objects::nonNull)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The lowest version that describes the folder, so that older programs read what they can. */
    private int version() {
        if (hasScales()) {
            return 3;
        }
        boolean sharedBases = modules.values().stream()
                .anyMatch(module -> module instanceof CompactModule.LowRank low && low.group() != null);
        return sharedBases ? 2 : 1;
    }

    private boolean hasScales() {
        return precision.hasScales()
                || modules.values().stream().anyMatch(module -> module instanceof CompactModule.Rounded);
    }

    static JsonNode toJson(CompactModule module) {
        ObjectNode entry = JsonNodeFactory.instance.objectNode();
        if (module instanceof CompactModule.Sparse sparse) {
            entry.put("k", sparse.k()).put("s", sparse.s());
            entry.put("in", sparse.d1()).put("out", sparse.d2());
            return entry.put("group", sparse.group());
        }
        if (module instanceof CompactModule.Rounded rounded) {
            return entry.put("bits", rounded.bits()).put("in", rounded.d1()).put("out", rounded.d2());
        }
        CompactModule.LowRank low = (CompactModule.LowRank) module;
        entry.put("r", low.r()).put("in", low.d1()).put("out", low.d2());
        return low.group() == null ? entry : entry.put("group", low.group());
    }
}
