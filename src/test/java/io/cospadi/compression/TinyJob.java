package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.TinyCheckpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A job of less than a second: a model of two layers and a few thousand token ids below one folder. */
public final class TinyJob {
    private static final RunReport.Host HOST = new RunReport.Host("os", "java", "cpu", 1, 0, 0);

    private final Path folder;

    private TinyJob(Path folder) {
        this.folder = folder;
    }

    /** Writes model and data. */
    public static TinyJob in(Path folder) {
        TinyJob job = new TinyJob(folder);
        TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", 32)
                .with("intermediate_size", 48)
                .with("num_attention_heads", 4)
                .with("num_key_value_heads", 2)
                .with("head_dim", 8)
                .with("vocab_size", 61)
                .write(job.model());
        SplittableRandom random = new SplittableRandom(7);
        List<Integer> ids = random.ints(2000, 0, 61).boxed().toList();
        job.write("data.json", ids.toString());
        return job;
    }

    public Path model() {
        return folder.resolve("model");
    }

    public Path data() {
        return folder.resolve("data.json");
    }

    public Path out(String name) {
        return folder.resolve(name);
    }

    Path write(String name, String text) {
        try {
            return Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Arguments of the same job on the command line. */
    public List<String> arguments(String out) {
        return new ArrayList<>(List.of(
                "compress",
                model().toString(),
                "--data",
                data().toString(),
                "--out",
                out(out).toString(),
                "--ratio",
                "0.2",
                "--windows",
                "8",
                "--window",
                "16",
                "--rounds",
                "5",
                "--threads",
                "1"));
    }

    static Recipe recipe(String more) {
        String rounds = more.matches("(?s)method: (\\S*svd|rtn|gptq).*") ? "" : "rounds: 3\n";
        return RecipeDocument.parse("ratio: 0.2\nwindows: 8\nwindow: 16\n" + rounds + more, "tiny")
                .recipe();
    }

    JobPlaces places(String out, boolean force) {
        return new JobPlaces(model(), out(out), List.of(data()), Optional.empty(), false, force);
    }

    JobResult run(Recipe recipe, String out, Backend backend) {
        return run(recipe, places(out, false), backend, JobListener.NONE, () -> false);
    }

    JobResult run(Recipe recipe, JobPlaces places, Backend backend, JobListener listener, BooleanSupplier stop) {
        return new CompressionJob(recipe, places, environment(backend, listener, stop)).run();
    }

    JobEnvironment environment(Backend backend, JobListener listener, BooleanSupplier stop) {
        return new JobEnvironment(backend, 1, "test", Clock.systemUTC(), () -> HOST, ReportPage.NONE, listener, stop);
    }

    /** Path and hex of every file that equal jobs must make equal. */
    public static TreeMap<String, String> contents(Path out) {
        TreeMap<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(out)) {
            for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
                String name = out.relativize(file).toString();
                if (!name.startsWith("cospadi/report.")) {
                    contents.put(name, HexFormat.of().formatHex(Files.readAllBytes(file)));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return contents;
    }
}
