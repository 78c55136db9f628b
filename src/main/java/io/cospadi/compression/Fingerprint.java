package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Everything that decides a result's bytes, field by field: the model's files, the calibration tokens, the settings, the
 * code, the backend. Two runs with equal fingerprints make equal folders.
 *
 * @param fields in the order in which differences are reported; unmodifiable
 */
record Fingerprint(Map<String, String> fields) {
    private static final ObjectMapper JSON = new ObjectMapper();

    Fingerprint {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    /** A field that differs between two fingerprints. */
    record Difference(String field, String here, String there) {}

    /** The first difference, if there is one. */
    Optional<Difference> firstDifference(Fingerprint other) {
        for (Map.Entry<String, String> field : fields.entrySet()) {
            String there = other.fields.get(field.getKey());
            if (!field.getValue().equals(there)) {
                return Optional.of(
                        new Difference(field.getKey(), field.getValue(), there == null ? "(absent)" : there));
            }
        }
        TreeSet<String> unknown = new TreeSet<>(other.fields.keySet());
        unknown.removeAll(fields.keySet());
        return unknown.stream().findFirst().map(field -> new Difference(field, "(absent)", other.fields.get(field)));
    }

    /** Its fields as one JSON object, the same bytes for the same fields. */
    byte[] json() {
        ObjectNode object = JSON.createObjectNode();
        fields.forEach(object::put);
        return (object.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** A hash of all fields: the job's name in its part files. */
    String identity() {
        return Sha256.of(json());
    }

    /** Writes it, durably. */
    void write(Path file) {
        AtomicFile.write(file, json());
    }

    /** Reads what {@link #write} wrote; empty if there is no such file. */
    static Optional<Fingerprint> read(Path file) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            JsonNode object = JSON.readTree(Files.readAllBytes(file));
            Map<String, String> fields = new LinkedHashMap<>();
            object.properties()
                    .forEach(
                            field -> fields.put(field.getKey(), field.getValue().asText()));
            return Optional.of(new Fingerprint(fields));
        } catch (IOException e) {
            throw new CospadiException(
                    file + " can't be read as a fingerprint ("
                            + e.getMessage().lines().findFirst().orElse("") + "); remove its folder to start over",
                    e);
        }
    }
}
