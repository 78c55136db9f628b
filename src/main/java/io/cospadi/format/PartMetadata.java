package io.cospadi.format;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.format.PartFile.PartRecord;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;

/** The metadata of a {@link PartFile}, to and from JSON. */
record PartMetadata(PartRecord part, PartDiagnostics diagnostics) {
    static final String PART = "part";
    static final String SHA256 = "sha256";

    private static final int VERSION = 2;

    /** What the checksum covers; equal runs give equal text. */
    static ObjectNode identity(PartRecord part, PartDiagnostics diagnostics) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("version", VERSION);
        json.put("projection", part.projection());
        json.put("fingerprint", part.fingerprint());
        json.put("value_bits", part.precision().valueBits());
        json.put("dictionary_bits", part.precision().dictionaryBits());
        json.put("group_size", part.precision().groupSize());
        json.set("module", part.module().map(CompactBlock::toJson).orElse(json.nullNode()));
        json.put("relative_error", diagnostics.relativeError());
        ArrayNode rounds = json.putArray("error_by_round");
        for (double error : diagnostics.errorByRound()) {
            rounds.add(error);
        }
        json.put("atoms_replaced", diagnostics.atomsReplaced());
        json.put("rank", diagnostics.rank());
        json.put("gram_shift", diagnostics.gramShift());
        json.put("flops", diagnostics.flops());
        return json;
    }

    /**
     * Reads what {@link #identity} wrote.
     *
     * @throws CospadiException if a key is missing or of another type
     */
    static PartMetadata read(SafetensorsFile file) {
        if (!file.metadata().keySet().containsAll(Set.of(PART, SHA256))) {
            throw new CospadiException(
                    file.file() + ": metadata has " + file.metadata().keySet()
                            + ", expected part and sha256; not a part of a job: delete it and run the job again");
        }
        Keys part = new Keys(file, PART);
        if (part.number("version").intValue() != VERSION) {
            throw part.wrong("version", String.valueOf(VERSION));
        }
        JsonNode rounds = part.get("error_by_round");
        double[] errors = new double[rounds.size()];
        for (int i = 0; i < errors.length; i++) {
            errors[i] = rounds.get(i).doubleValue();
        }
        return new PartMetadata(
                new PartRecord(part.text("projection"), part.text("fingerprint"), part.precision(), part.module()),
                new PartDiagnostics(
                        part.number("relative_error").doubleValue(),
                        errors,
                        part.number("atoms_replaced").intValue(),
                        part.number("rank").intValue(),
                        part.number("gram_shift").doubleValue(),
                        part.number("flops").longValue()));
    }

    /** One JSON object of the metadata. */
    private record Keys(SafetensorsFile file, String section, ObjectNode json) {
        Keys(SafetensorsFile file, String section) {
            this(
                    file,
                    section,
                    StrictJson.parseObject(
                            file.file() + ": " + section,
                            file.metadata().get(section).getBytes(StandardCharsets.UTF_8)));
        }

        JsonNode get(String key) {
            JsonNode value = json.get(key);
            if (value == null) {
                throw wrong(key, "it");
            }
            return value;
        }

        JsonNode number(String key) {
            if (!get(key).isNumber()) {
                throw wrong(key, "a number");
            }
            return get(key);
        }

        String text(String key) {
            if (!get(key).isTextual()) {
                throw wrong(key, "a string");
            }
            return get(key).asText();
        }

        Precision precision() {
            int valueBits = number("value_bits").intValue();
            try {
                return new Precision(
                        valueBits,
                        number("dictionary_bits").intValue(),
                        number("group_size").intValue());
            } catch (IllegalArgumentException e) {
                throw wrong("value_bits", "a precision of the format (" + e.getMessage() + ")");
            }
        }

        Optional<CompactModule> module() {
            JsonNode module = get("module");
            if (module.isNull()) {
                return Optional.empty();
            }
            try {
                int d1 = module.path("in").asInt();
                int d2 = module.path("out").asInt();
                if (module.has("bits")) {
                    return Optional.of(new CompactModule.Rounded(
                            d1, d2, module.path("bits").asInt()));
                }
                return Optional.of(
                        module.has("r")
                                ? new CompactModule.LowRank(
                                        d1,
                                        d2,
                                        module.path("r").asInt(),
                                        module.path("group").textValue())
                                : new CompactModule.Sparse(
                                        d1,
                                        d2,
                                        module.path("k").asInt(),
                                        module.path("s").asInt(),
                                        module.path("group").textValue()));
            } catch (IllegalArgumentException e) {
                throw wrong("module", "the shape of a factored projection (" + e.getMessage() + ")");
            }
        }

        CospadiException wrong(String key, String expected) {
            JsonNode found = json.get(key);
            return new CospadiException(file.file() + ": " + section + "." + key + " is "
                    + (found == null ? "missing" : StrictJson.oneLine(found.toString())) + ", expected " + expected
                    + "; the file is damaged: delete it and run the job again");
        }
    }
}
