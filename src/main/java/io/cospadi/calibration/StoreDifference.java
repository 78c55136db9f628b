package io.cospadi.calibration;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.Optional;
import java.util.stream.Collectors;

/** In words, what a store is of that it should not be of: "of other text: ..", to be read after "is". */
final class StoreDifference {
    /** As much of a hash as tells two of them apart. */
    private static final int HASH_DIGITS = 12;

    private StoreDifference() {}

    /** The first difference that a user can act on. */
    static Optional<String> between(GramOrigin found, GramOrigin here) {
        if (!found.model().equals(here.model())) {
            return Optional.of(ofModel(found.model(), here.model()));
        }
        if (!found.sources().equals(here.sources())) {
            return Optional.of("of other text: " + text(found) + ", here " + text(here));
        }
        if (!found.backend().equals(here.backend())) {
            return Optional.of("of another backend: " + found.backend() + ", here " + here.backend());
        }
        if (found.firstBlock() != here.firstBlock() || found.endBlock() != here.endBlock()) {
            return Optional.of("of another share: " + blocks(found) + ", here " + blocks(here));
        }
        return Optional.empty();
    }

    /** The same of what decides the sums beside their origin. */
    static Optional<String> between(Optional<JsonNode> found, Optional<JsonNode> here) {
        JsonNode there = found.orElse(MissingNode.getInstance());
        return here.flatMap(settings -> settings.properties().stream()
                .filter(field -> !field.getValue().equals(there.get(field.getKey())))
                .map(field -> "of other settings: " + field.getKey() + " is " + there.get(field.getKey()) + ", here "
                        + field.getValue())
                .findFirst());
    }

    /** Of two fingerprints. */
    static String ofModel(String found, String here) {
        return "of another model (fingerprint " + shortened(found) + "), not of this one (" + shortened(here) + ")";
    }

    private static String text(GramOrigin origin) {
        return origin.sources().stream()
                .map(source -> source.windows() + " windows of " + source.windowLength() + " tokens"
                        + (source.windows() == source.windowsAsked()
                                ? ""
                                : " (" + source.windowsAsked() + " asked for)")
                        + " with SHA-256 " + shortened(source.dataSha256()))
                .collect(Collectors.joining(" and "));
    }

    private static String blocks(GramOrigin origin) {
        return "blocks " + origin.firstBlock() + " to " + (origin.endBlock() - 1) + " of " + origin.blocks();
    }

    private static String shortened(String hash) {
        return hash.length() > HASH_DIGITS ? hash.substring(0, HASH_DIGITS) + "..." : hash;
    }
}
