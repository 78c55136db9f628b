package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** A recipe's options by name, each read in its type; what is wrong says where it was given and what was expected. */
final class RecipeValues {
    private final ObjectNode values;
    private final String file;
    private final Set<String> onCommandLine;

    /**
     * @param values        an option's long name and its value
     * @param file          the recipe that they come from, for messages
     * @param onCommandLine names of those that were given on the command line
     */
    RecipeValues(ObjectNode values, String file, Set<String> onCommandLine) {
        this.values = values;
        this.file = file;
        this.onCommandLine = onCommandLine;
    }

    /** The value as it stands there, or null. */
    JsonNode get(String key) {
        return values.get(key);
    }

    boolean isOnCommandLine(String key) {
        return onCommandLine.contains(key);
    }

    /** These with those of the command line laid over them, key by key. */
    RecipeValues overlay(ObjectNode commandLine) {
        ObjectNode merged = values.deepCopy();
        Set<String> given = new HashSet<>(onCommandLine);
        for (Map.Entry<String, JsonNode> option : commandLine.properties()) {
            merged.set(option.getKey(), option.getValue());
            given.add(option.getKey());
        }
        return new RecipeValues(merged, file, given);
    }

    List<NamePattern> patterns(String key) {
        return strings(key).stream().map(NamePattern::new).toList();
    }

    Optional<Double> ratio(JsonNode node, String key) {
        if (node == null || node.isNull()) {
            return Optional.empty();
        }
        double ratio = node.isNumber() ? node.doubleValue() : Double.NaN;
        if (!(ratio > 0 && ratio < 1)) {
            throw wrong(key, "is a share between 0 and 1, such as 0.2", node.asText());
        }
        return Optional.of(ratio);
    }

    Optional<Double> percent(String key) {
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

    Optional<Integer> integer(String key, int least, int most) {
        return whole(key, least, most).map(Long::intValue);
    }

    Optional<Long> whole(String key, long least, long most) {
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

    boolean flag(String key) {
        JsonNode node = values.get(key);
        if (node == null || node.isNull()) {
            return false;
        }
        if (!node.isBoolean()) {
            throw wrong(key, "is true or false", node.asText());
        }
        return node.booleanValue();
    }

    Optional<String> string(String key) {
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
    List<String> strings(String key) {
        JsonNode node = values.get(key);
        return node == null || node.isNull() ? List.of() : strings(key, node);
    }

    List<String> strings(String key, JsonNode node) {
        List<String> strings = new ArrayList<>();
        for (JsonNode element : node.isArray() ? node : List.of(node)) {
            if (!element.isTextual() || element.textValue().isEmpty()) {
                throw wrong(key, "is a text or a list of texts", node.toString());
            }
            strings.add(element.textValue());
        }
        return strings;
    }

    <T> Optional<T> choice(String key, T[] choices, Function<T, String> name) {
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

    RecipeException wrong(String key, String rule, String found) {
        boolean given = onCommandLine.contains(key);
        String where = given ? "--" + key : "recipe " + file + ": " + key;
        return new RecipeException(where + " " + rule + "; found '" + found + "'", given);
    }
}
