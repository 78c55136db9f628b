package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cospadi.compression.TinyJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Processes that are killed, stopped, starved and raced. */
class KillAndResumeTest {
    private static final int KILLS = 20;
    /** In a chain of kills each run resumes what the last one left. */
    private static final int KILLS_A_CHAIN = 4;

    @TempDir
    Path folder;

    private TinyJob job;

    @BeforeEach
    void prepare() {
        job = TinyJob.in(folder);
    }

    @Test
    void killedAtRandomMomentsAndResumedGivesTheSameBytes() throws Exception {
        requireSameBytesAfterKills(KILLS, List.of());
    }

    @Test
    void killedWhileInputsPropagateAndResumedGivesTheSameBytes() throws Exception {
        requireSameBytesAfterKills(KILLS_A_CHAIN, List.of("--propagate", "compressed"));
    }

    private void requireSameBytesAfterKills(int wanted, List<String> more) throws Exception {
        Path log = folder.resolve("log");
        long began = System.nanoTime();
        Process whole = Program.start(log, List.of(), arguments("whole", more));
        awaitWork("whole", whole);
        long working = System.nanoTime();
        assertEquals(0, Program.await(whole, log).status(), () -> read(log + ".err"));
        double seconds = (System.nanoTime() - working) * 1e-9;
        TreeMap<String, String> expected = TinyJob.contents(job.out("whole"));

        SplittableRandom random = new SplittableRandom(began);
        int kills = 0;
        int chains = 0;
        for (int attempt = 0; kills < wanted; attempt++) {
            assertTrue(attempt < 8 * wanted, "only " + kills + " of " + attempt + " kills hit a run at work");
            String out = "out" + chains;
            Process process = Program.start(log, List.of(), arguments(out, more));
            awaitWork(out, process);
            // the farther a chain is, the less is left to be done
            double left = seconds / (1 + kills % KILLS_A_CHAIN);
            process.waitFor((long) (1e6 * left * random.nextDouble()), TimeUnit.MICROSECONDS);
            boolean hit = process.isAlive();
            process.destroyForcibly().waitFor();
            if (hit && process.exitValue() == 137 && !Files.exists(job.out(out))) {
                kills++;
            }
            if (Files.exists(job.out(out)) || hit && kills % KILLS_A_CHAIN == 0) {
                assertEquals(0, finish(out, more).status(), () -> read(log + ".err"));
                assertEquals(expected, TinyJob.contents(job.out(out)));
                assertFalse(Files.exists(job.out(out + ".work")), "work is removed in the end");
                chains++;
            }
        }
    }

    @Test
    void terminatedRunKeepsItsWorkAndSaysSo() throws Exception {
        for (String signal : List.of("TERM", "INT")) {
            Path log = folder.resolve("log");
            Process process = Program.start(log, List.of(), longArguments("out" + signal));
            awaitWork("out" + signal, process);
            long began = System.nanoTime();
            new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid()))
                    .start()
                    .waitFor();
            Program.Result stopped = Program.await(process, log);
            double seconds = (System.nanoTime() - began) * 1e-9;
            assertEquals(75, stopped.status(), stopped.err());
            assertTrue(stopped.lastLine().startsWith("cospadi: stopped"), stopped.err());
            assertTrue(stopped.lastLine().contains("the same command resumes"), stopped.err());
            assertTrue(seconds < 20, "took " + seconds + " s to stop"); // 1.5 s on a machine that is not overloaded
            assertFalse(Files.exists(job.out("out" + signal)));
            Program.Result resumed = Program.await(Program.start(log, List.of(), longArguments("out" + signal)), log);
            assertEquals(0, resumed.status(), resumed.err());
        }
        assertEquals(TinyJob.contents(job.out("outTERM")), TinyJob.contents(job.out("outINT")));
    }

    @Test
    void secondRunOnOneOutputIsRefusedAsLongAsTheFirstIsAtWork() throws Exception {
        Path first = folder.resolve("first");
        Path second = folder.resolve("second");
        Process winner = Program.start(first, List.of(), longArguments("out"));
        awaitWork("out", winner);
        assertEquals(0, command("kill", "-STOP", String.valueOf(winner.pid())));
        try {
            Program.Result refused = Program.await(Program.start(second, List.of(), job.arguments("out")), second);
            assertEquals(1, refused.status(), refused.err());
            assertTrue(refused.lastLine().contains("in use by another run (process " + winner.pid()), refused.err());
        } finally {
            command("kill", "-CONT", String.valueOf(winner.pid()));
        }
        assertEquals(0, Program.await(winner, first).status(), () -> read(first + ".err"));
    }

    @Test
    void fileSizeLimitStopsTheJobWithOneLineAndNothingHalfWritten() throws Exception {
        Path log = folder.resolve("log");
        // 16 KiB: enough for part files, not for the model; the signal of the limit is ignored by the virtual machine
        List<String> limited = List.of("bash", "-c", "ulimit -f 16; exec \"$@\"", "bash");
        Program.Result full = Program.await(Program.start(log, limited, job.arguments("out")), log);
        assertEquals(1, full.status(), full.err());
        assertTrue(full.lastLine().startsWith("cospadi: "), full.err());
        assertTrue(full.lastLine().contains("out.work"), full.err());
        assertFalse(Files.exists(job.out("out")), "nothing half-written appears");
        Program.Result resumed = finish("out");
        assertEquals(0, resumed.status(), resumed.err());
    }

    @Test
    void diskThatIsTooSmallOrReadOnlyIsRefusedBeforeAnyCompute() throws Exception {
        Path disk = Files.createDirectories(folder.resolve("disk"));
        assumeTrue(
                command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk.toString()) == 0,
                "needs the right to mount a small file system");
        try {
            Path ballast = disk.resolve("ballast");
            Files.write(ballast, new byte[2_000_000]);
            Path log = folder.resolve("log");
            Program.Result full = Program.await(Program.start(log, List.of(), job.arguments("disk/out")), log);
            assertEquals(1, full.status(), full.err());
            assertTrue(full.lastLine().contains("free some space"), full.err());
            assertFalse(Files.exists(job.out("disk/out")));
            Files.delete(ballast);
            assertEquals(0, finish("disk/out").status(), () -> read(log + ".err"));
            assertEquals(0, command("mount", "-o", "remount,ro", disk.toString()));
            Program.Result readOnly = Program.await(Program.start(log, List.of(), job.arguments("disk/other")), log);
            assertEquals(1, readOnly.status());
            assertTrue(readOnly.lastLine().contains("other.work"), readOnly.err());
        } finally {
            command("umount", disk.toString());
        }
    }

    /** Until the run holds its work folder, or is over. */
    private void awaitWork(String out, Process process) throws InterruptedException {
        Path journal = job.out(out + ".work").resolve("events.jsonl");
        long before = journal.toFile().length();
        while (process.isAlive() && journal.toFile().length() <= before) {
            Thread.sleep(2);
        }
    }

    /** A job of some seconds, which a signal's sender does not miss on a busy machine. */
    private List<String> longArguments(String out) {
        List<String> arguments = job.arguments(out);
        arguments.set(arguments.indexOf("--rounds") + 1, "2000");
        return arguments;
    }

    private List<String> arguments(String out, List<String> more) {
        List<String> arguments = job.arguments(out);
        arguments.addAll(more);
        return arguments;
    }

    private Program.Result finish(String out) throws IOException, InterruptedException {
        return finish(out, List.of());
    }

    private Program.Result finish(String out, List<String> more) throws IOException, InterruptedException {
        Path log = folder.resolve("log");
        return Program.await(Program.start(log, List.of(), arguments(out, more)), log);
    }

    private static int command(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
