package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A driver that is there and can't be used is told from one that is missing; by a library that stands in for it, in a process of its own. */
class DriverStateTest {
    /** What is looked up when JCuda's own library is loaded is not called; every other function fails. */
    private static final String DRIVER = """
            int cuInit(unsigned flags) { return STATUS; }
            int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
            int cuGetErrorName(int status, const char **name) { *name = "CUDA_ERROR_OF_A_TEST"; return 0; }
            int cuDeviceGetCount(int *count) { *count = 0; return 0; }
            """;

    @TempDir
    Path folder;

    /** Opens device 0 and prints why it can't be had. */
    public static final class Opening {
        private Opening() {}

        public static void main(String[] arguments) {
            try {
                CudaDevices.open(0);
            } catch (CudaUnavailableException e) {
                System.out.println("unavailable: " + e.getMessage());
            }
        }
    }

    private String opened(int status, int version) throws IOException, InterruptedException {
        assumeTrue(Simt.onPath("gcc"), "needs gcc to make a library in the driver's place");
        Path source = Files.writeString(folder.resolve("driver.c"), DRIVER);
        run(
                null,
                "gcc",
                "-shared",
                "-fPIC",
                "-DSTATUS=" + status,
                "-DVERSION=" + version,
                source.toString(),
                "-o",
                folder.resolve("libcuda.so.1").toString());
        return run(
                folder,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Opening.class.getName());
    }

    private static String run(Path libraries, String... command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        if (libraries != null) {
            builder.environment().put("LD_LIBRARY_PATH", libraries.toString());
            builder.environment().remove("LD_PRELOAD");
        }
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), said);
        assertEquals(0, process.exitValue(), said);
        return said;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "999 | 13000 | can't be used: cuInit failed with CUDA_ERROR_OF_A_TEST; see whether nvidia-smi works",
                "100 | 13000 | the NVIDIA driver finds no GPU; nvidia-smi lists",
                "34  | 13000 | is the stub that CUDA brings for linking; take its folder off",
                "802 | 13000 | the NVIDIA driver is not ready (CUDA_ERROR_OF_A_TEST); start nvidia-fabricmanager",
                "803 | 13000 | are of different versions; restart the machine",
                "804 | 13000 | is a compatibility package that this GPU has no support for; take its folder off",
                "0   | 12020 | the NVIDIA driver is of CUDA 12.2, and the program's kernels need 12.5 or later; update",
                "0   | 13000 | the NVIDIA driver shows no GPU"
            })
    void whatIsInTheWayIsSaidWithARemedy(int status, int version, String expected) throws Exception {
        String said = opened(status, version);
        assumeTrue(!said.contains("the CUDA libraries can't be loaded"), said);
        assertTrue(said.startsWith("unavailable: "), said);
        assertTrue(said.contains(expected), said);
    }

    /** The oldest driver that reads the kernels is the one that the committed images ask for. */
    @Test
    void theLeastVersionIsThatOfTheKernels() throws IOException {
        String image = Files.readString(Path.of("src/main/resources/io/cospadi/gpu/arithmetic.ptx"));
        assertTrue(image.contains("\n.version 8.5\n"), "PTX 8.5 came with CUDA 12.5");
        assertThrows(CudaUnavailableException.class, () -> DriverState.requireVersion(12049));
        DriverState.requireVersion(12050);
        DriverState.requireVersion(13000);
    }
}
