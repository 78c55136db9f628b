package io.cospadi.compression;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How long a job took, from the {@link EventJournal}s that its runs left: its own, and those of its shares. Lines that a
 * killed run left unfinished are passed over.
 */
final class JobTimes {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, ProjectionTime> projections = new HashMap<>();
    private Instant started;
    private double seconds;

    /**
     * Wall time of one projection's factorisation.
     *
     * @param seconds in all
     * @param byPhase of them, in order
     */
    record ProjectionTime(double seconds, Map<String, Double> byPhase) {}

    /** Of a projection that was not factored. */
    static final ProjectionTime NONE = new ProjectionTime(0, Map.of());

    /**
     * Reads all journals.
     *
     * @param own    the journal of the run at work, which lasts until now
     * @param shares others of the same job, each over with its last event
     */
    static JobTimes read(Path own, List<Path> shares, Instant now) {
        JobTimes times = new JobTimes();
        times.started = now;
        shares.forEach(journal -> times.add(journal, null));
        times.add(own, now);
        return times;
    }

    /** When the first run of any began. */
    Instant started() {
        return started;
    }

    /** Wall time of all runs added up, each from its first to its last event. */
    double seconds() {
        return seconds;
    }

    /** The last factorisation of a projection; nothing where it stayed dense. */
    ProjectionTime projection(String name) {
        return projections.getOrDefault(name, NONE);
    }

    private void add(Path file, Instant now) {
        Instant began = null;
        Instant last = null;
        try {
            for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
                JsonNode event = parsed(line);
                if (event == null) {
                    continue;
                }
                Instant time = Instant.parse(event.get("time").asText());
                String kind = event.path("event").asText();
                if (began == null || kind.equals("started")) {
                    seconds += seconds(began, last);
                    began = time;
                }
                if (kind.equals("projection")) {
                    Map<String, Double> byPhase = new LinkedHashMap<>();
                    event.path("seconds_by_phase")
                            .properties()
                            .forEach(phase ->
                                    byPhase.put(phase.getKey(), phase.getValue().asDouble()));
                    projections.put(
                            event.path("name").asText(),
                            new ProjectionTime(event.path("seconds").asDouble(), byPhase));
                }
                last = time;
                started = time.isBefore(started) ? time : started;
            }
        } catch (IOException e) {
            throw new CospadiException(file + " can't be read: " + e.getMessage(), e);
        }
        seconds += seconds(began, now == null ? last : now);
    }

    private static double seconds(Instant from, Instant to) {
        return from == null || to == null
                ? 0
                : Math.max(0, Duration.between(from, to).toMillis() / 1e3);
    }

    private static JsonNode parsed(String line) {
        try {
            JsonNode event = JSON.readTree(line);
            return event != null && event.path("time").isTextual() ? event : null;
        } catch (JsonProcessingException e) {
            return null;
        }
    }
}
