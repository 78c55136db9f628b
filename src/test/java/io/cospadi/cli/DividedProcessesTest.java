package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.compression.TinyJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A compression divided among processes that run at the same time, one of them killed: as Slurm and Kubernetes do it. */
class DividedProcessesTest {
    private static final int SHARES = 3;

    @TempDir
    Path folder;

    @Test
    void concurrentSharesOneOfThemKilledMakeTheBytesOfOneRun() throws Exception {
        TinyJob job = TinyJob.in(folder);
        runAll(i -> calibrate(job, "stats" + i, i + "/" + SHARES));
        List<String> merge = new ArrayList<>(List.of("merge-stats", "--out", out(job, "stats"), "--threads", "1"));
        for (int i = SHARES - 1; i >= 0; i--) {
            merge.add(out(job, "stats" + i));
        }
        succeed(merge);
        succeed(calibrate(job, "stats-whole", "0/1"));
        assertEquals(TinyJob.contents(job.out("stats-whole")), TinyJob.contents(job.out("stats")));

        succeed(compress(job, "whole"));
        TreeMap<String, String> expected = TinyJob.contents(job.out("whole"));

        Process killed = Program.start(log(0), List.of(), share(job, 0));
        Path journal = job.out("out.0-of-" + SHARES + ".work").resolve("events.jsonl");
        while (killed.isAlive()
                && !(Files.exists(journal) && Files.readString(journal).contains("\"projection\""))) {
            Thread.sleep(1);
        }
        assertEquals(137, killed.destroyForcibly().waitFor(), "killed at work");
        runAll(i -> share(job, i));

        List<String> works = new ArrayList<>();
        for (int i = 0; i < SHARES; i++) {
            works.add(out(job, "out." + i + "-of-" + SHARES + ".work"));
        }
        Collections.reverse(works);
        Program.Result lacking = Program.run("merge", works.get(0), works.get(2), "--out", out(job, "out"));
        assertEquals(1, lacking.status(), lacking.err());
        assertTrue(lacking.lastLine().contains("by --shard: 1/" + SHARES), lacking.err());

        List<String> all = new ArrayList<>(List.of("merge", "--out", out(job, "out"), "--json"));
        all.addAll(works);
        assertTrue(succeed(all).out().contains("\"projections\""));
        assertEquals(expected, TinyJob.contents(job.out("out")));
    }

    private interface Arguments {
        List<String> of(int share);
    }

    /** All shares at the same time. */
    private void runAll(Arguments arguments) throws IOException, InterruptedException {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < SHARES; i++) {
            processes.add(Program.start(log(i), List.of(), arguments.of(i)));
        }
        for (int i = 0; i < SHARES; i++) {
            Program.Result result = Program.await(processes.get(i), log(i));
            assertEquals(0, result.status(), result.err());
        }
    }

    private static Program.Result succeed(List<String> arguments) {
        Program.Result result = Program.run(arguments.toArray(String[]::new));
        assertEquals(0, result.status(), result.err());
        return result;
    }

    private Path log(int i) {
        return folder.resolve("log" + i);
    }

    private static String out(TinyJob job, String name) {
        return job.out(name).toString();
    }

    private static List<String> calibrate(TinyJob job, String out, String shard) {
        return List.of(
                "calibrate",
                job.model().toString(),
                "--data",
                job.data().toString(),
                "--out",
                out(job, out),
                "--windows",
                "8",
                "--window",
                "16",
                "--shard",
                shard,
                "--threads",
                "1");
    }

    private static List<String> compress(TinyJob job, String out) {
        return List.of(
                "compress",
                job.model().toString(),
                "--stats",
                out(job, "stats"),
                "--out",
                out(job, out),
                "--ratio",
                "0.2",
                "--budget",
                "uniform",
                "--rounds",
                "300",
                "--threads",
                "1");
    }

    private static List<String> share(TinyJob job, int i) {
        List<String> arguments = new ArrayList<>(compress(job, "out"));
        arguments.addAll(List.of("--shard", i + "/" + SHARES));
        return arguments;
    }
}
