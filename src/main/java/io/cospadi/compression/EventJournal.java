package io.cospadi.compression;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What happened when: one JSON object a line, appended as it happens, over all the runs that one job took. Times and
 * machines belong here and in report.json, never into what equal jobs must make equal. A line that a killed run left
 * unfinished is closed, not removed.
 */
final class EventJournal implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final FileChannel channel;
    private final Clock clock;

    private EventJournal(Path file, FileChannel channel, Clock clock) {
        this.file = file;
        this.channel = channel;
        this.clock = clock;
    }

    /** Opens the journal for appending. */
    static EventJournal open(Path file, Clock clock) {
        try {
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            long size = channel.size();
            ByteBuffer last = ByteBuffer.allocate(1);
            boolean torn = size > 0 && channel.read(last, size - 1) == 1 && last.get(0) != '\n';
            channel.position(size);
            EventJournal journal = new EventJournal(file, channel, clock);
            if (torn) {
                journal.append("\n");
            }
            return journal;
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }

    /** Runs something between an event for its start and, where it fails or is stopped, one for that. */
    <T> T during(String program, Supplier<T> run) {
        record(
                "started",
                Map.of("program", program, "process", ProcessHandle.current().pid()));
        try {
            return run.get();
        } catch (StoppedException e) {
            record("stopped", Map.of());
            throw e;
        } catch (CospadiException e) {
            recordFailure(e);
            throw e;
        }
    }

    /** A journal that can't be written either must not hide the failure itself. */
    private void recordFailure(CospadiException failure) {
        try {
            record("failed", Map.of("message", String.valueOf(failure.getMessage())));
        } catch (CospadiException e) {
            failure.addSuppressed(e);
        }
    }

    /** Appends one event; values are numbers, strings, booleans, lists or maps of these. */
    void record(String event, Map<String, ?> values) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", clock.instant().toString());
        line.put("event", event);
        line.putAll(values);
        try {
            append(JSON.writeValueAsString(line) + "\n");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("an event that is no JSON: " + line, e);
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }

    private void append(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static CospadiException unwritable(Path file, IOException e) {
        return new CospadiException(
                file + " can't be written (" + e.getMessage() + "); free some space or change its rights, and run the "
                        + "same command again to resume",
                e);
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }
}
