package io.cospadi.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.OptionalInt;

/**
 * Where a command speaks: results to {@code out}; notes, warnings, progress and failures to {@code err}.
 *
 * @param columns width of the terminal that {@code err} is; empty where it is none
 */
record Terminal(PrintStream out, PrintStream err, OptionalInt columns) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** The one JSON object of a command under {@code --json}. */
    void json(Object value) {
        try {
            out.println(JSON.writeValueAsString(value));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a result that is no JSON: " + value, e);
        }
    }

    /** A line that matters to whoever watches, but is no failure. */
    void note(String line) {
        err.println("cospadi: " + oneLine(line));
    }

    /** The one line of a failure. */
    void failure(String line) {
        err.println("cospadi: " + oneLine(line));
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s*\\R\\s*", " ");
    }
}
