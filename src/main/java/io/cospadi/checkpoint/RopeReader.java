package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.RotaryEmbedding.Llama3Scaling;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;

/** The rotary embedding of config.json, from {@code rope_parameters} or from {@code rope_theta} + {@code rope_scaling}. */
final class RopeReader {
    private static final double DEFAULT_THETA = 10_000;

    private final Path file;
    private final ObjectNode json;

    RopeReader(Path file, ObjectNode json) {
        this.file = file;
        this.json = json;
    }

    RotaryEmbedding read() {
        String section = ConfigReader.absent(json.get("rope_parameters")) ? "rope_scaling" : "rope_parameters";
        JsonNode found = json.get(section);
        if (!ConfigReader.absent(found) && !found.isObject()) {
            throw wrong(section, found, "an object or null");
        }
        JsonNode parameters = ConfigReader.absent(found) ? json.objectNode() : found;
        JsonNode theta = parameters.get("rope_theta");
        double base =
                positive("rope_theta", ConfigReader.absent(theta) ? json.get("rope_theta") : theta, DEFAULT_THETA);
        refusePartialRotation(parameters);
        String type = type(section, parameters);
        switch (type) {
            case "default":
                return new RotaryEmbedding(base, 1, null);
            case "linear":
                return new RotaryEmbedding(base, positive(section + ".factor", parameters.get("factor"), 0), null);
            case "llama3":
                return new RotaryEmbedding(base, 1, llama3(section, parameters));
            default:
                throw new CospadiException(file + ": " + section + " has rope type \"" + StrictJson.oneLine(type)
                        + "\", supported are default, linear and llama3; choose another model");
        }
    }

    private String type(String section, JsonNode parameters) {
        JsonNode type = parameters.has("rope_type") ? parameters.get("rope_type") : parameters.get("type");
        if (ConfigReader.absent(type)) {
            if (parameters.has("factor")) {
                throw new CospadiException(file + ": " + section + " has a factor but no rope_type, expected"
                        + " default, linear or llama3; correct the file");
            }
            return "default";
        }
        if (!type.isTextual()) {
            throw wrong(section + ".rope_type", type, "default, linear or llama3");
        }
        return type.asText();
    }

    private Llama3Scaling llama3(String section, JsonNode parameters) {
        double factor = positive(section + ".factor", parameters.get("factor"), 0);
        double low = positive(section + ".low_freq_factor", parameters.get("low_freq_factor"), 0);
        double high = positive(section + ".high_freq_factor", parameters.get("high_freq_factor"), 0);
        JsonNode original = parameters.get("original_max_position_embeddings");
        double positions = positive(section + ".original_max_position_embeddings", original, 0);
        if (high <= low) {
            throw wrong(section + ".high_freq_factor", parameters.get("high_freq_factor"), "more than " + low);
        }
        return new Llama3Scaling(factor, low, high, positions);
    }

    private void refusePartialRotation(JsonNode parameters) {
        JsonNode own = json.get("partial_rotary_factor");
        JsonNode factor = ConfigReader.absent(own) ? parameters.get("partial_rotary_factor") : own;
        if (!ConfigReader.absent(factor) && factor.asDouble() != 1) {
            throw wrong("partial_rotary_factor", factor, "1: rotating part of a head is not supported");
        }
    }

    /** A positive number; {@code absent} where the key is not there, or an error if that is 0. */
    private double positive(String key, JsonNode value, double absent) {
        if (ConfigReader.absent(value) && absent > 0) {
            return absent;
        }
        if (value == null
                || !value.isNumber()
                || !(value.doubleValue() > 0)
                || Double.isInfinite(value.doubleValue())) {
            throw wrong(key, value, "a positive number");
        }
        return value.doubleValue();
    }

    private CospadiException wrong(String key, JsonNode found, String expected) {
        return new CospadiException(file + ": " + key + " is "
                + (found == null ? "missing" : ConfigReader.quoted(found)) + ", expected " + expected
                + "; correct the file");
    }
}
