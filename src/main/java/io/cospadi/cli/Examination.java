package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.CudaBackend;
import io.cospadi.backend.ProductRate;
import io.cospadi.backend.SelfTest;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.gpu.CudaDevices;
import io.cospadi.gpu.CudaUnavailableException;
import io.cospadi.gpu.DeviceProperties;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** Looks at all that the program needs and could use; each method is one topic. */
final class Examination {
    private static final long NVIDIA_SMI_SECONDS = 10;

    private final Machine machine;
    private final int threads;
    private final GpuOptions gpu;
    private final boolean cudaWanted;

    /**
     * @param threads    to test the CPU's backend with
     * @param cudaWanted whether to do without CUDA is a problem
     */
    Examination(Machine machine, int threads, GpuOptions gpu, boolean cudaWanted) {
        this.gpu = gpu;
        this.machine = machine;
        this.threads = threads;
        this.cudaWanted = cudaWanted;
    }

    List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        findings.add(java());
        findings.add(cpu());
        findings.add(memory());
        findings.add(disk("disk, this folder", Path.of("").toAbsolutePath(), 20L << 30));
        findings.add(temporaryFolder());
        findings.add(tokenizers());
        findings.addAll(cpuBackend());
        findings.addAll(cuda());
        return findings;
    }

    private static Finding java() {
        int feature = Runtime.version().feature();
        String found = Machine.java() + ", heap up to "
                + Quantities.bytes(Runtime.getRuntime().maxMemory());
        return feature >= 17
                ? Finding.ok("Java", found)
                : Finding.problem("Java", found, "install a JDK 17 or later and point JAVA_HOME to it");
    }

    private Finding cpu() {
        String architecture = System.getProperty("os.arch");
        List<String> vectors = machine.vectorInstructions();
        String found = machine.cpu() + ", "
                + Quantities.count(Runtime.getRuntime().availableProcessors(), "processor")
                + (vectors.isEmpty() ? "" : ", " + String.join(" ", vectors));
        if (!List.of("amd64", "x86_64", "aarch64").contains(architecture)) {
            return Finding.problem(
                    "CPU",
                    found + ", " + architecture,
                    "use x86-64 or arm64 Linux; there are no libraries for this one");
        }
        return architecture.equals("aarch64") || vectors.contains("avx2")
                ? Finding.ok("CPU", found)
                : Finding.note("CPU", found, "matrix products are several times faster on a CPU with AVX2 and FMA");
    }

    private Finding memory() {
        long all = machine.memoryBytes();
        if (all == 0) {
            return Finding.note("memory", "unknown on this system", "plan MODEL says what a job needs");
        }
        String found = Quantities.bytes(all) + ", " + Quantities.bytes(machine.freeMemoryBytes()) + " free";
        return machine.freeMemoryBytes() >= 1L << 30
                ? Finding.ok("memory", found)
                : Finding.note("memory", found, "the demo needs less than 1 GB; plan MODEL says what a job needs");
    }

    private static Finding disk(String topic, Path folder, long comfortable) {
        try {
            FileStore store = Files.getFileStore(folder);
            String found = Quantities.bytes(store.getUsableSpace()) + " free in " + folder;
            if (!Files.isWritable(folder)) {
                return Finding.note(topic, found + ", not writable", "name a folder you may write to by --out");
            }
            return store.getUsableSpace() >= comfortable
                    ? Finding.ok(topic, found)
                    : Finding.note(topic, found, "a job needs about three times the compact model's size beside --out");
        } catch (IOException e) {
            return Finding.note(topic, folder + " can't be examined: " + e.getMessage(), null);
        }
    }

    /** Where the native libraries are unpacked to, so without it nothing computes. */
    private static Finding temporaryFolder() {
        Path folder = Path.of(System.getProperty("java.io.tmpdir"));
        if (!Files.isWritable(folder)) {
            return Finding.problem(
                    "temporary folder",
                    folder + " is not writable",
                    "native libraries are unpacked there: set COSPADI_JAVA_OPTS=-Djava.io.tmpdir=FOLDER to one that is");
        }
        return disk("temporary folder", folder, 1L << 28);
    }

    private static Finding tokenizers() {
        try (Resource vocabulary = Resource.folder("doctor", DemoModel.PLACE, List.of("tokenizer.json"))) {
            try (Tokenizer tokenizer = Tokenizer.open(vocabulary.path())) {
                int[] ids = tokenizer.encode("a sparse code");
                String text = tokenizer.decode(ids);
                return text.contains("sparse")
                        ? Finding.ok("tokenizers library", "encodes and decodes")
                        : Finding.problem(
                                "tokenizers library", "decodes its own tokens as '" + text + "'", "report this");
            }
        } catch (IOException | CospadiException | LinkageError e) {
            return Finding.problem(
                    "tokenizers library",
                    "can't be used: " + e.getMessage(),
                    "make the home folder or DJL_CACHE_DIR writable; the library needs glibc 2.28 or later");
        }
    }

    private List<Finding> cpuBackend() {
        try (Backend backend = new CpuBackend(threads)) {
            return selfTest(
                    backend,
                    Quantities.count(threads, "thread"),
                    "report this with the lines above; OPENBLAS_CORETYPE=Haswell or another core may help");
        } catch (LinkageError e) {
            return List.of(Finding.problem(
                    "cpu backend",
                    "OpenBLAS can't be loaded: " + e.getMessage(),
                    "the temporary folder must be writable and may not be mounted noexec"));
        }
    }

    /** Whether a backend computes rightly, and how fast. */
    private static List<Finding> selfTest(Backend backend, String on, String remedy) {
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok(backend.name() + " backend", backend.identity()));
        List<SelfTest.Check> checks = SelfTest.run(backend);
        List<SelfTest.Check> failed =
                checks.stream().filter(check -> !check.passed()).toList();
        for (SelfTest.Check check : failed) {
            findings.add(Finding.problem(
                    backend.name() + " self-test",
                    String.format(
                            Locale.ROOT,
                            "%s is off by %.2g, at most %.2g is right",
                            check.verb(),
                            check.deviation(),
                            check.allowance()),
                    remedy));
        }
        if (failed.isEmpty()) {
            findings.add(Finding.ok(
                    backend.name() + " self-test",
                    checks.size() + " verbs equal plain loops ("
                            + String.join(
                                    ", ",
                                    checks.stream().map(SelfTest.Check::verb).toList())
                            + ")"));
            findings.add(Finding.ok(
                    backend.name() + " speed",
                    String.format(
                            Locale.ROOT,
                            "%.0f GFLOP/s in f32 matrix products on %s",
                            ProductRate.of(backend) / 1e9,
                            on)));
        }
        return findings;
    }

    /** All GPUs as the driver counts them, and the one that would be used, tried out; without one, what is in the way. */
    private List<Finding> cuda() {
        List<Finding> findings = new ArrayList<>();
        try {
            CudaDevices.list().forEach(device -> findings.add(Finding.note("GPU", described(device), null)));
        } catch (CudaUnavailableException e) {
            // why the driver shows none is said below; what the driver's own tool finds may help to see through it
            nvidiaSmi().forEach(device -> findings.add(Finding.note("GPU", "nvidia-smi finds " + device, null)));
        }
        machine.gpuDriver().ifPresent(version -> findings.add(Finding.note("GPU driver", version, null)));
        try (CudaBackend backend = CudaBackend.open(gpu.device(), gpu.maxVram(), threads)) {
            findings.addAll(selfTest(backend, "the GPU", "report this with the lines above"));
        } catch (CudaUnavailableException e) {
            findings.add(lacking("GPU", e.getMessage(), "--backend auto and cpu use the CPU"));
        } catch (CospadiException e) {
            findings.add(Finding.problem("cuda backend", e.getMessage(), "report this with the lines above"));
        }
        return findings;
    }

    /** By the number that {@code --device} takes. */
    static String described(DeviceProperties device) {
        return "--device " + device.index() + ": " + device.name() + ", compute capability "
                + device.computeCapability() + ", " + Quantities.bytes(device.memoryBytes()) + ", PCI bus "
                + device.pciBusId();
    }

    private Finding lacking(String topic, String found, String advice) {
        return cudaWanted ? Finding.problem(topic, found, advice) : Finding.note(topic, found, advice);
    }

    /** Name, memory, driver and compute capability of each device; empty without the driver's tool. */
    private static List<String> nvidiaSmi() {
        try {
            Process process = new ProcessBuilder(
                            "nvidia-smi",
                            "--query-gpu=name,memory.total,driver_version,compute_cap",
                            "--format=csv,noheader")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!process.waitFor(NVIDIA_SMI_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return List.of("nvidia-smi does not answer");
            }
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return process.exitValue() == 0 ? text.lines().toList() : List.of();
        } catch (IOException e) {
            return List.of();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return List.of();
        }
    }
}
