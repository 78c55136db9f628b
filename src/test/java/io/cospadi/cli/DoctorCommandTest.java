package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.gpu.DeviceProperties;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class DoctorCommandTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @Test
    void findsWhatThisMachineComputesWith() throws Exception {
        assertEquals(0, run("doctor", "--json"), err.toString(StandardCharsets.UTF_8));
        JsonNode json = new ObjectMapper().readTree(out.toByteArray());
        assertTrue(json.path("healthy").asBoolean(), json.toString());
        Set<String> topics = new TreeSet<>();
        for (JsonNode finding : json.path("findings")) {
            topics.add(finding.path("topic").asText());
            assertFalse(finding.path("found").asText().isEmpty(), finding.toString());
            assertTrue(Set.of("ok", "note").contains(finding.path("state").asText()), finding.toString());
        }
        for (String topic : Set.of("Java", "CPU", "memory", "GPU", "cpu backend", "cpu self-test", "cpu speed")) {
            assertTrue(topics.contains(topic), topic + " is not among " + topics);
        }
    }

    @Test
    void saysItInEightyColumns() {
        assertEquals(0, run("doctor", "--threads", "1"));
        out.toString(StandardCharsets.UTF_8).lines().forEach(line -> {
            // a word that is longer by itself, such as a path, stays whole
            boolean breakable =
                    line.strip().substring(Math.min(27, line.strip().length())).contains(" ");
            assertTrue(line.length() <= 80 || !breakable, line);
        });
    }

    @Test
    void cudaThatWasAskedForAndIsNotThereIsAProblem() {
        assertEquals(1, run("doctor", "--backend", "cuda", "--device", "99", "--threads", "1"));
        assertTrue(err.toString(StandardCharsets.UTF_8).contains("cospadi: GPU: "), err.toString());
    }

    @Test
    void aGpuIsShownByTheNumberThatDeviceTakes() {
        DeviceProperties second = new DeviceProperties(
                1, "NVIDIA H100 80GB HBM3", "0000:18:00.0", 9, 0, 132, 232448, true, 85_000_000_000L, "13.0");
        assertEquals(
                "--device 1: NVIDIA H100 80GB HBM3, compute capability 9.0, 85.0 GB, PCI bus 0000:18:00.0",
                Examination.described(second));
    }

    private int run(String... arguments) {
        Terminal terminal = new Terminal(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                OptionalInt.empty());
        return Main.run(terminal, new StopSignal(), arguments);
    }
}
