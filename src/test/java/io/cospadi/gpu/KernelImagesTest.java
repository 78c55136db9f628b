package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The PTX that ships was made from the kernel files as they stand, and assembles without spills. */
class KernelImagesTest {
    private static final Path IMAGES = Path.of("src/main/resources/io/cospadi/gpu");
    private static final Pattern CAP = Pattern.compile("^// Registers at most (\\d+)\\.$", Pattern.MULTILINE);
    private static final Pattern ENTRY = Pattern.compile("\\.visible \\.entry (\\w+)\\(");
    private static final Pattern ASSEMBLED = Pattern.compile(
            "Compiling entry function '(\\w+)'.*?"
                    + "(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads.*?Used (\\d+) registers",
            Pattern.DOTALL);

    /**
     * By 12 bytes on sm_86 and sm_89, where they run with heads of 129 to 188 columns at most for keys and values, to 252 for
     * queries; bounds that leave them more registers would change them elsewhere, too.
     */
    private static final Set<String> SPILL_ON_CONSUMER_GPUS = Set.of("query_gradient_256", "key_value_gradient_256");

    private static Path image(Path source) {
        return IMAGES.resolve(name(source) + ".ptx");
    }

    /** For compute_90, where there is one. */
    private static Optional<Path> earlyImage(Path source) {
        Path image = IMAGES.resolve(name(source) + ".sm_90.ptx");
        return KernelImages.EARLY.contains(name(source)) ? Optional.of(image) : Optional.empty();
    }

    private static String name(Path source) {
        return source.getFileName().toString().replace(".cu", "");
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }

    /** As {@code compile.py} computes it. */
    private static String digest(Path source) throws IOException, NoSuchAlgorithmException {
        MessageDigest whole = MessageDigest.getInstance("SHA-256");
        whole.update(Files.readAllBytes(source));
        for (Path primitive : files(source.resolveSibling("primitives"))) {
            whole.update(Files.readAllBytes(primitive));
        }
        return HexFormat.of().formatHex(whole.digest());
    }

    @Test
    void everyImageIsMadeFromItsSource() throws Exception {
        TreeSet<Path> images = new TreeSet<>();
        for (Path source : Simt.kernelFiles()) {
            List<Path> own = new ArrayList<>(List.of(image(source)));
            earlyImage(source).ifPresent(own::add);
            for (Path image : own) {
                assertEquals(
                        "// source sha256 " + digest(source),
                        Files.readAllLines(image).get(0),
                        source + " has changed: run cuda-kernels/compile.py");
            }
            images.addAll(own);
        }
        assertFalse(images.isEmpty());
        assertEquals(images, new TreeSet<>(files(IMAGES)));
    }

    @Test
    void everyKernelHasAnEntryForComputeCapability8() throws IOException {
        for (Path source : Simt.kernelFiles()) {
            String ptx = Files.readString(image(source));
            assertTrue(ptx.contains(".target sm_80\n"), source + " is not compiled for compute_80");
            assertFalse(ptx.contains("griddepcontrol"), source + " asks for compute capability 9.0");
            assertEquals(new TreeSet<>(Simt.kernelsOf(Files.readString(source))), entries(ptx), source.toString());
        }
    }

    private static TreeSet<String> entries(String ptx) {
        return ENTRY.matcher(ptx).results().map(entry -> entry.group(1)).collect(Collectors.toCollection(TreeSet::new));
    }

    /** Before what a kernel stores first it waits; then nothing it reads or writes is still under way. */
    @Test
    void everyKernelThatMayBeginEarlyWaits() throws IOException {
        for (Path source : Simt.kernelFiles()) {
            boolean early = Files.readString(source).contains("primitives/early.cuh");
            assertEquals(early, KernelImages.EARLY.contains(name(source)), source.toString());
            if (early) {
                String ptx = KernelImages.earlyPtx(name(source));
                assertTrue(ptx.contains(".target sm_90\n"), source + " is not compiled for compute_90");
                assertEquals(entries(KernelImages.ptx(name(source))), entries(ptx), source.toString());
                String[] bodies = ENTRY.split(ptx);
                for (int i = 1; i < bodies.length; i++) {
                    int waits = bodies[i].indexOf("griddepcontrol.wait");
                    int lets = bodies[i].indexOf("griddepcontrol.launch_dependents");
                    int stores = bodies[i].indexOf("st.global");
                    assertTrue(lets > 0 && waits > lets && stores > waits, source + ", kernel " + i);
                }
            }
        }
    }

    @Test
    void everyKernelIsFoundInTheImageOfItsFile() throws IOException {
        List<String> files = new ArrayList<>();
        Map<String, String> expected = new HashMap<>();
        for (Path source : Simt.kernelFiles()) {
            String file = source.getFileName().toString().replace(".cu", "");
            files.add(file);
            Simt.kernelsOf(Files.readString(source)).forEach(kernel -> expected.put(kernel, file));
        }
        assertEquals(files, KernelImages.FILES);
        assertEquals(expected, KernelImages.fileOfKernel());
        IllegalArgumentException unknown =
                assertThrows(IllegalArgumentException.class, () -> new KernelModules(false).function("axpy_f16", 0));
        assertEquals("no kernel axpy_f16", unknown.getMessage());
    }

    /**
     * With ptxas on the PATH or named by PTXAS; {@code cuda-kernels/README.md} says how to get it without CUDA. The heads' numbers
     * of registers are those of sm_80 and sm_90.
     */
    @ParameterizedTest
    @ValueSource(strings = {"sm_80", "sm_86", "sm_89", "sm_90"})
    void kernelsDoNotSpillAndKeepToTheirRegisters(String architecture) throws Exception {
        String ptxas = System.getenv().getOrDefault("PTXAS", "ptxas");
        assumeTrue(System.getenv("PTXAS") != null || Simt.onPath("ptxas"), "needs ptxas on the PATH or in PTXAS");
        for (Path source : Simt.kernelFiles()) {
            String text = Files.readString(source);
            Matcher cap = CAP.matcher(text);
            assertTrue(cap.find(), source + " states no number of registers");
            Path image = architecture.equals("sm_90") ? earlyImage(source).orElse(image(source)) : image(source);
            boolean consumer = architecture.equals("sm_86") || architecture.equals("sm_89");
            String log = run(ptxas, "-v", "-arch=" + architecture, image.toString(), "-o", "/dev/null");
            TreeMap<String, Integer> registers = new TreeMap<>();
            for (Matcher kernel = ASSEMBLED.matcher(log); kernel.find(); ) {
                String name = kernel.group(1);
                if (!consumer || !SPILL_ON_CONSUMER_GPUS.contains(name)) {
                    assertEquals(
                            "0 0 0", kernel.group(2) + " " + kernel.group(3) + " " + kernel.group(4), name + " spills");
                }
                registers.put(name, Integer.parseInt(kernel.group(5)));
            }
            assertEquals(new TreeSet<>(Simt.kernelsOf(text)), new TreeSet<>(registers.keySet()), log);
            int most = consumer ? 255 : Integer.parseInt(cap.group(1));
            registers.forEach(
                    (name, used) -> assertTrue(used <= most, name + " uses " + used + " registers of " + most));
        }
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), output);
        return output;
    }
}
