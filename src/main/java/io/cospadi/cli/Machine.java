package io.cospadi.cli;

import io.cospadi.compression.RunReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What the system tells of the machine, read from Linux's own files under a root that tests replace. */
final class Machine {
    private final Path root;

    private Machine(Path root) {
        this.root = root;
    }

    /** This one. */
    static Machine here() {
        return new Machine(Path.of("/"));
    }

    static Machine at(Path root) {
        return new Machine(root);
    }

    /** For the report of a run. */
    RunReport.Host host() {
        return new RunReport.Host(
                os(), java(), cpu(), Runtime.getRuntime().availableProcessors(), memoryBytes(), peakResidentBytes());
    }

    static String os() {
        return System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                + System.getProperty("os.arch");
    }

    /** "17.0.15 (Debian)". */
    static String java() {
        return System.getProperty("java.version") + " (" + System.getProperty("java.vendor") + ")";
    }

    /** Model name, or the architecture where the system doesn't tell (arm64). */
    String cpu() {
        return field("proc/cpuinfo", "model name").orElse(System.getProperty("os.arch"));
    }

    /** Vector instructions that matter to matrix products, of x86. */
    List<String> vectorInstructions() {
        List<String> flags = List.of(field("proc/cpuinfo", "flags").orElse("").split("\\s+"));
        return Stream.of("avx", "avx2", "fma", "avx512f", "amx_bf16")
                .filter(flags::contains)
                .toList();
    }

    /** Memory that the process may use: the machine's, or its control group's if that is less; 0 where unknown. */
    long memoryBytes() {
        long physical = kilobytes("proc/meminfo", "MemTotal");
        long limit = Stream.of("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
                .map(this::number)
                .filter(value -> value > 0)
                .findFirst()
                .orElse(Long.MAX_VALUE);
        return Math.min(physical, limit);
    }

    /** Memory that nothing uses now; 0 where unknown. */
    long freeMemoryBytes() {
        return Math.min(kilobytes("proc/meminfo", "MemAvailable"), memoryBytes());
    }

    /** Largest resident memory of this process so far; 0 where unknown. */
    long peakResidentBytes() {
        return kilobytes("proc/self/status", "VmHWM");
    }

    /** The NVIDIA kernel driver's version, where it is loaded. */
    Optional<String> gpuDriver() {
        return lines("proc/driver/nvidia/version")
                .findFirst()
                .map(line -> line.replaceAll(".*?(\\d+(?:\\.\\d+)+).*", "$1"));
    }

    /** First of these libraries' places that exists, such as libcuda.so.1. */
    Optional<Path> library(String name) {
        return Stream.of(
                        "usr/lib/x86_64-linux-gnu",
                        "usr/lib/aarch64-linux-gnu",
                        "usr/lib64",
                        "usr/lib",
                        "usr/lib/wsl/lib",
                        "usr/local/nvidia/lib64",
                        "usr/local/cuda/lib64",
                        "usr/local/cuda/compat")
                .map(folder -> root.resolve(folder).resolve(name))
                .filter(Files::exists)
                .findFirst();
    }

    private long kilobytes(String file, String key) {
        return field(file, key)
                .map(text -> text.replaceAll("[^0-9]", ""))
                .filter(digits -> !digits.isEmpty() && digits.length() < 17)
                .map(digits -> 1024 * Long.parseLong(digits))
                .orElse(0L);
    }

    private long number(String file) {
        return lines(file)
                .findFirst()
                .filter(text -> text.matches("\\d{1,18}"))
                .map(Long::parseLong)
                .orElse(0L);
    }

    /** Value of the first "key : value" line. */
    private Optional<String> field(String file, String key) {
        return lines(file)
                .filter(line -> line.startsWith(key))
                .map(line -> line.split(":", 2))
                .filter(parts -> parts.length == 2 && parts[0].strip().equals(key))
                .map(parts -> parts[1].strip())
                .findFirst();
    }

    /** None where there is no such file. */
    private Stream<String> lines(String file) {
        try {
            return Files.readAllLines(root.resolve(file)).stream();
        } catch (IOException | RuntimeException e) {
            return Stream.empty();
        }
    }
}
