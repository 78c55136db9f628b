package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.compression.TinyJob;
import io.cospadi.gpu.CudaDevices;
import io.cospadi.gpu.CudaUnavailableException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

/** Which GPU and how much of it, and what is said where there is none. */
class GpuOptionsTest {
    private static final GpuOptions.MemorySize SIZE = new GpuOptions.MemorySize();

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "512, 512",
        "64k, 65536",
        "800m, 838860800",
        "800M, 838860800",
        "6g, 6442450944",
        "2T, 2199023255552",
        "007g, 7516192768",
    })
    void sizesAreInPowersOf1024(String text, long bytes) {
        assertEquals(bytes, SIZE.convert(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "g", "0", "0g", "-1g", "1.5g", "6gb", "6 g", "6e9", "1234567890123", "999999999999t"})
    void anythingElseIsRefused(String text) {
        String message = assertThrows(TypeConversionException.class, () -> SIZE.convert(text))
                .getMessage();
        assertTrue(message.contains(text), message);
    }

    @Test
    void theFirstDeviceAndAllOfItUnlessToldOtherwise() {
        GpuOptions options = new GpuOptions();
        assertEquals(0, options.device());
        assertEquals(Long.MAX_VALUE, options.maxVram());
        assertFalse(options.given());
    }

    /** What is in the way of CUDA on this machine, if anything. */
    private static Optional<String> obstacle() {
        try {
            CudaDevices.list();
            return Optional.empty();
        } catch (CudaUnavailableException e) {
            return Optional.of(e.getMessage());
        }
    }

    private Program.Result compress(String... more) {
        List<String> arguments = TinyJob.in(folder).arguments("out");
        arguments.addAll(List.of(more));
        return Program.run(arguments.toArray(new String[0]));
    }

    @Test
    void autoSaysWhatItComputesOnAndWhy() {
        Program.Result result = compress();
        assertEquals(0, result.status(), result.err());
        String expected = obstacle()
                .map(why -> "computing on the CPU with 1 thread, as " + why)
                .orElse("computing on cuda ");
        assertEquals(
                1, result.err().lines().filter(line -> line.contains(expected)).count(), result.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"--backend=cuda --device=99", "--device=99", "--backend=auto --device=99 --max-vram=1g"})
    void deviceThatIsNotThereIsAnErrorAndNoReasonToFallBack(String options) {
        Program.Result result = compress(options.split(" "));
        assertEquals(1, result.status(), result.err());
        String asked = options.contains("cuda") ? "--backend cuda" : "--device 99";
        String why = obstacle().orElse("there is no device 99; this machine has device");
        assertTrue(result.lastLine().startsWith("cospadi: " + asked + " can't be met: " + why), result.err());
        assertTrue(result.lastLine().endsWith("; or use --backend cpu"), result.err());
        assertFalse(Files.exists(folder.resolve("out.work")), "nothing was begun");
    }

    /** It asks for no GPU, so that one command serves machines with and without one. */
    @Test
    void aLimitOfMemoryIsNoReasonNotToFallBack() {
        Program.Result result = compress("--max-vram", "1g");
        assertEquals(0, result.status(), result.err());
        obstacle()
                .ifPresent(why -> assertTrue(
                        result.err()
                                .contains("computing on the CPU with 1 thread (--max-vram limits nothing there), as "
                                        + why),
                        result.err()));
    }

    @Test
    void nonsenseIsAMatterOfUsage() {
        Program.Result negative = compress("--backend", "cuda", "--device", "-1");
        assertEquals(2, negative.status(), negative.err());
        assertEquals("cospadi: --device counts from 0; found -1", negative.lastLine());
        for (String option : List.of("--max-vram=1g", "--device=0")) {
            Program.Result onCpu = compress("--backend", "cpu", option);
            assertEquals(2, onCpu.status(), onCpu.err());
            assertTrue(onCpu.lastLine().contains("leave them out with --backend cpu"), onCpu.err());
        }
    }
}
