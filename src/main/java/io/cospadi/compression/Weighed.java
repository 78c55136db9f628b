package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What {@link Weighing} has found, kept in the work folder under the name of each projection or group as soon as it is known, so
 * that a job that is stopped goes on from there.
 */
final class Weighed {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path folder;

    Weighed(WorkFolder work) {
        folder = work.weighed();
    }

    /** Whether a group needs no weighing any more. */
    boolean has(List<Projection> group) {
        return Files.exists(file(group));
    }

    /** Keeps what is found of a group. */
    void put(List<Projection> group, JsonNode found) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new CospadiException(folder + " can't be made: " + e.getMessage(), e);
        }
        AtomicFile.write(file(group), (found + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * What was kept of a group.
     *
     * @throws CospadiException if it can't be read
     */
    <T> T get(List<Projection> group, Class<T> type) {
        Path file = file(group);
        try {
            return JSON.readValue(Files.readAllBytes(file), type);
        } catch (IOException e) {
            throw new CospadiException(
                    file + " can't be read (" + e.getMessage() + "); remove it and run the same command again", e);
        }
    }

    private Path file(List<Projection> group) {
        return folder.resolve(SharingGroups.name(group) + ".json");
    }
}
