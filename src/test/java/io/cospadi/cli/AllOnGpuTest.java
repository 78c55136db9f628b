package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code benchmarks/all-on-gpu.sh} with a program that only says what it was called with, and its commands in dry runs. */
class AllOnGpuTest {
    private static final List<String> PARTS = List.of(
            "doctor",
            "tests",
            "kernels",
            "decode",
            "decode-8-16",
            "compress-1b",
            "compress-8b-layer",
            "ksvd-staged",
            "ksvd",
            "kernels-1b",
            "demo",
            "tests-early",
            "kernels-early",
            "decode-early",
            "decode-8-16-early");

    @TempDir
    Path folder;

    private Path program(String name, String body) throws IOException {
        Path script = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + body + "\n");
        script.toFile().setExecutable(true);
        return script;
    }

    private Program.Result run(Map<String, String> environment, String... arguments) throws Exception {
        ProcessBuilder builder = new ProcessBuilder("bash", "benchmarks/all-on-gpu.sh");
        builder.command().addAll(List.of(arguments));
        builder.environment().keySet().removeIf(name -> name.matches("GPU_MACHINE|DRY_RUN|JAVA_TOOL_OPTIONS"));
        // on a machine that has the driver's tool, as on one that has none
        Path tool = program("nvidia-smi", "echo half; exit 9");
        builder.environment().merge("PATH", tool.getParent().toString(), (path, first) -> first + ":" + path);
        builder.environment().putAll(environment);
        Path err = folder.resolve("err");
        Process process = builder.redirectError(err.toFile()).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Program.Result(process.waitFor(), out, Files.readString(err));
    }

    private TreeSet<String> files(Path results) throws IOException {
        try (Stream<Path> files = Files.list(results)) {
            TreeSet<String> names = new TreeSet<>();
            files.forEach(file -> names.add(file.getFileName().toString()));
            return names;
        }
    }

    @Test
    void everyPartLeavesWhatItSaidAndIsNotDoneTwice() throws Exception {
        Path results = folder.resolve("results with spaces");
        String says = "echo \"$GPU_MACHINE $JAVA_TOOL_OPTIONS: $*\"; echo aside >&2";
        Map<String, String> environment = Map.of(
                "COSPADI", program("program", says) + " --cli",
                "TESTS", program("testing", says) + " gpu");
        Program.Result result = run(environment, results.toString());
        assertEquals(0, result.status(), result.err());
        for (String part : PARTS) {
            boolean tests = part.startsWith("tests");
            String text = Files.readString(results.resolve(part + (tests ? ".log" : ".json")));
            String early = part.endsWith("-early") ? " -Dcospadi.early-launches=true" : "";
            assertTrue(text.startsWith("1 " + early + ": " + (tests ? "gpu\naside" : "--cli ")), text);
            assertEquals(tests, text.contains("aside"), text);
            assertEquals(!tests, text.strip().endsWith("--json"), text);
        }
        assertFalse(files(results).contains("gpu.csv"), "there is no tool that fills it");
        assertTrue(result.err().contains("without nvidia-smi"), result.err());
        Program.Result again = run(environment, results.toString());
        assertEquals(0, again.status(), again.err());
        assertEquals(
                PARTS.stream().map(part -> part + ": done before").toList(),
                again.out().lines().toList());
    }

    @Test
    void failuresAreNamedAtTheEndAndOthersStillRun() throws Exception {
        Path results = folder.resolve("results");
        Map<String, String> environment = Map.of(
                "COSPADI",
                        program(
                                        "program",
                                        "case \"$*\" in *decode*) echo half; exit 7 ;; *kernels*) exit 0 ;; *) echo {} ;; esac")
                                .toString(),
                "TESTS", program("testing", "echo one test failed; exit 1").toString());
        Program.Result result = run(environment, results.toString(), "doctor", "tests", "decode", "kernels", "ksvd");
        assertEquals(1, result.status(), result.err());
        assertEquals("failed: tests decode kernels", result.lastLine());
        assertTrue(result.err().contains("decode: failed with status 7 after "), result.err());
        assertEquals(
                new TreeSet<>(List.of(
                        "doctor.json",
                        "doctor.log",
                        "tests.failed.log",
                        "decode.partial",
                        "decode.log",
                        "kernels.partial",
                        "kernels.log",
                        "ksvd.json",
                        "ksvd.log")),
                files(results));
        Map<String, String> mended = Map.of(
                "COSPADI", program("program", "echo {}").toString(),
                "TESTS", program("testing", "echo all passed").toString());
        Program.Result again = run(mended, results.toString(), "doctor", "tests", "decode", "kernels", "ksvd");
        assertEquals(0, again.status(), again.err());
        assertEquals(
                2,
                again.out().lines().filter(line -> line.endsWith("done before")).count(),
                again.out());
    }

    @Test
    void whatDoesNotFitIntoTheBudgetIsNamed() throws Exception {
        Path results = folder.resolve("results");
        String program = program("program", "echo {}").toString();
        Program.Result result =
                run(Map.of("COSPADI", program, "TESTS", program, "BUDGET_MINUTES", "1"), results.toString());
        assertEquals(75, result.status(), result.err());
        TreeSet<String> done = files(results);
        done.removeIf(name -> !name.endsWith(".json"));
        assertEquals(new TreeSet<>(List.of("doctor.json", "ksvd-staged.json")), done);
        List<String> rest = new ArrayList<>(PARTS);
        rest.removeAll(List.of("doctor", "ksvd-staged"));
        assertEquals(
                "left out for want of time: " + String.join(" ", rest) + "; the same command goes on with them",
                result.lastLine());
    }

    /** As many as 25 minutes hold by what each is expected to take: all that a bar is set for. */
    @Test
    void theImportantPartsFitIntoOneGo() throws Exception {
        Path results = folder.resolve("results");
        Program.Result result =
                run(Map.of("COSPADI", program("program", "echo {}").toString(), "DRY_RUN", "1"), results.toString());
        assertEquals(0, result.status(), result.err());
        int seconds = 0;
        List<String> begun = new ArrayList<>();
        for (String line : result.out().lines().limit(PARTS.size()).toList()) {
            assertTrue(line.matches("\\S+: at most 540 s, about \\d+ s: .*"), line);
            int about = Integer.parseInt(line.replaceFirst(".*about (\\d+) s: .*", "$1"));
            assertTrue(about < 540, line);
            seconds += about;
            if (seconds <= 25 * 60) {
                begun.add(line.replaceFirst(":.*", ""));
            }
        }
        assertTrue(begun.containsAll(PARTS.subList(0, PARTS.indexOf("kernels-1b"))), begun.toString());
    }

    /** What the script calls is taken here by the program itself, so each part's arguments hold. */
    @Test
    void everyPartsCommandHasADryRun() throws Exception {
        Path results = folder.resolve("results");
        String program = program("program", "case \"$*\" in *--dry-run) echo {} ;; *) exit 1 ;; esac")
                .toString();
        Program.Result result = run(Map.of("COSPADI", program), "--dry-run", results.toString());
        assertEquals(0, result.status(), result.err());
        Terminal terminal = new Terminal(System.out, System.err, OptionalInt.empty());
        int benches = 0;
        for (String line :
                result.out().lines().filter(line -> line.contains(program)).toList()) {
            String[] words = line.substring(line.indexOf(program) + program.length())
                    .strip()
                    .split(" ");
            if (words[0].equals("bench")) {
                benches++;
                String[] dry = Arrays.copyOf(words, words.length + 1);
                dry[words.length] = "--dry-run";
                Program.Result listed = Program.run(dry);
                assertEquals(0, listed.status(), line + "\n" + listed.err());
                assertTrue(listed.out().startsWith("{"), line);
            } else {
                Main.commandLine(terminal, new StopSignal()).parseArgs(words);
            }
        }
        assertEquals(11, benches);
        assertEquals(List.of("dry-run"), List.copyOf(files(results)), "nothing counts as done");
        assertEquals(11, files(results.resolve("dry-run")).size());
    }

    @Test
    void nonsenseIsAMatterOfUsage() throws Exception {
        Path results = folder.resolve("results");
        for (String[] arguments : new String[][] {{}, {"--dry-run"}, {"--unknown"}, {results.toString(), "kernel"}}) {
            assertEquals(2, run(Map.of(), arguments).status(), String.join(" ", arguments));
        }
        Program.Result minutes = run(Map.of("BUDGET_MINUTES", "1h"), results.toString());
        assertEquals(2, minutes.status());
        assertEquals("BUDGET_MINUTES is a whole number of minutes; found '1h'", minutes.lastLine());
        assertFalse(Files.exists(results));
    }
}
