package io.cospadi.gpu;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The emulation of {@code src/test/simt} and every kernel file, compiled by the host's g++ into one library. The system
 * properties {@code cospadi.kernels} (a folder in place of {@code cuda-kernels}) and {@code cospadi.sanitize} (compile with
 * the address and undefined-behaviour sanitizers, whose runtimes {@code src/test/simt/bin/java} preloads) serve the scripts there.
 */
final class Simt {
    static final boolean SANITIZED = Boolean.getBoolean("cospadi.sanitize");

    private static final Path KERNELS = Path.of(System.getProperty("cospadi.kernels", "cuda-kernels"));
    private static final Path EMULATOR = Path.of("src/test/simt");
    private static final Pattern KERNEL = Pattern.compile(
            "^extern \"C\" __global__ void(?: __launch_bounds__\\(\\d+(?:, \\d+)?\\))? (\\w+)\\(", Pattern.MULTILINE);

    private Simt() {}

    static native long find(long name);

    static native boolean launch(
            long entry, int gx, int gy, int gz, int bx, int by, int bz, int shared, long arguments, int order);

    static native void hide(long pairs, int count);

    static native void failure(long to, int room);

    /** Kernel files, by name. */
    static List<Path> kernelFiles() throws IOException {
        try (Stream<Path> files = Files.list(KERNELS)) {
            return files.filter(file -> file.toString().endsWith(".cu"))
                    .sorted()
                    .toList();
        }
    }

    static List<String> kernelsOf(String source) {
        return KERNEL.matcher(source)
                .results()
                .map((MatchResult found) -> found.group(1))
                .toList();
    }

    /** Builds and loads the library once a JVM; without g++ the calling test is skipped. */
    static void load() {
        assumeTrue(onPath("g++"), "needs g++ to emulate CUDA kernels");
        assumeTrue(!SANITIZED || sanitizersAreLoaded(), "needs g++'s sanitizers, see src/test/simt/bin/java");
        Loaded.require();
    }

    private static boolean sanitizersAreLoaded() {
        try (Stream<String> mapped = Files.lines(Path.of("/proc/self/maps"))) {
            String all = mapped.collect(Collectors.joining());
            return all.contains("libasan") && all.contains("libubsan");
        } catch (IOException e) {
            return false;
        }
    }

    /** The library, or why there is none. */
    private static final class Loaded {
        private static final Throwable FAILURE = failure();

        private static Throwable failure() {
            try {
                System.load(build().toAbsolutePath().toString());
                return null;
            } catch (Exception | LinkageError e) {
                return e;
            }
        }

        private static void require() {
            if (FAILURE != null) {
                throw new AssertionError("the emulation could not be built", FAILURE);
            }
        }
    }

    static boolean onPath(String program) {
        return Stream.of(System.getenv("PATH").split(":")).anyMatch(at -> Files.isExecutable(Path.of(at, program)));
    }

    private static Path build() throws IOException, InterruptedException {
        Path folder = Files.createDirectories(Path.of("target", "simt"));
        Path library = folder.resolve("libsimt.so");
        List<String> command =
                new ArrayList<>(List.of("g++", "-std=c++17", "-shared", "-fPIC", "-O1", "-ffp-contract=off"));
        command.addAll(List.of("-fvisibility=hidden", "-Wall", "-Wno-sign-compare", "-Werror"));
        if (SANITIZED) {
            command.addAll(List.of("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"));
        }
        command.addAll(List.of("-I" + EMULATOR, "-I" + KERNELS, "-o", library.toString()));
        command.add(EMULATOR.resolve("simt.cpp").toString());
        List<Path> sources = new ArrayList<>(kernelFiles());
        sources.add(EMULATOR.resolve("faults.cu"));
        for (Path source : sources) {
            StringBuilder unit = new StringBuilder("#include \"simt.h\"\n#include \"" + source.getFileName() + "\"\n");
            kernelsOf(Files.readString(source))
                    .forEach(
                            kernel -> unit.append("SIMT_KERNEL(").append(kernel).append(")\n"));
            Path file = folder.resolve(source.getFileName() + ".cpp");
            command.add(Files.writeString(file, unit).toString());
        }
        Path log = folder.resolve("g++.log");
        Process compiler = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        if (compiler.waitFor() != 0) {
            throw new IOException("g++ failed:\n" + Files.readString(log));
        }
        return library;
    }
}
