package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A result that is lost on its way to whoever asked for it is no success. */
class ResultOutputTest {
    @TempDir
    Path folder;

    private static Optional<String> failureBehind(String message) {
        ResultOutput results = new ResultOutput(new OutputStream() {
            @Override
            public void write(int value) throws IOException {
                throw new IOException(message);
            }
        });
        try (PrintStream out = new PrintStream(results, true)) {
            out.println("a result");
            return results.failure();
        }
    }

    @Test
    void whoeverHasSeenEnoughLosesNothing() {
        assertEquals(Optional.of("No space left on device"), failureBehind("No space left on device"));
        assertEquals(Optional.empty(), failureBehind("Broken pipe"));
    }

    @ParameterizedTest
    @CsvSource({"--version, /dev/full, 1", "--version, /dev/null, 0", "--vers, /dev/full, 2"})
    void theStatusTells(String argument, String out, int status) throws Exception {
        assumeTrue(Files.exists(Path.of("/dev/full")), "needs Linux's /dev/full");
        Path output = folder.resolve("run");
        Files.createSymbolicLink(Path.of(output + ".out"), Path.of(out));
        Process process = Program.start(output, List.of(), List.of(argument));
        assertEquals(status, process.waitFor());
        Files.delete(Path.of(output + ".out"));
        String err = Files.readString(Path.of(output + ".err"));
        assertEquals(status == 1, err.contains("standard output can't be written: No space left on device; "), err);
        assertTrue(err.lines().count() <= 1, err);
    }
}
