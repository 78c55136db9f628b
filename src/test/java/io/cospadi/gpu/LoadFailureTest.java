package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.stream.Stream;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcusolver.JCusolverDn;
import jcuda.jcusolver.cusolverDnHandle;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/** What JCuda 12.6.0 reports where a library is missing, and the line that users get instead. */
class LoadFailureTest {
    /** As reported on Debian 12, with the frames of the stack traces left out but for the first. */
    private static LinkageError reported(String library, String reason) {
        return new UnsatisfiedLinkError("Error while loading native library \"" + library + "-12.6.0-linux-x86_64\"\n"
                + "Operating system name: Linux\n"
                + "Architecture         : amd64\n"
                + "Architecture bit size: 64\n"
                + "---(start of nested stack traces)---\n"
                + "Stack trace from the attempt to load the library as a file:\n"
                + "java.lang.UnsatisfiedLinkError: no " + library + "-12.6.0-linux-x86_64 in java.library.path: "
                + "/usr/java/packages/lib:/usr/lib/x86_64-linux-gnu/jni:/lib/x86_64-linux-gnu\n"
                + "\tat java.base/java.lang.ClassLoader.loadLibrary(ClassLoader.java:2434)\n"
                + "Stack trace from the attempt to load the library as a resource:\n"
                + reason + "\n"
                + "\tat java.base/jdk.internal.loader.NativeLibraries.load(Native Method)\n"
                + "---(end of nested stack traces)---\n");
    }

    private static LinkageError missing(String library, String needed) {
        return reported(
                library,
                "java.lang.UnsatisfiedLinkError: /tmp/lib" + library + "-12.6.0-linux-x86_64.so: " + needed
                        + ": cannot open shared object file: No such file or directory");
    }

    @Test
    void driverIsWhatBringsItsLibrary() {
        assertEquals(
                "libcuda.so.1 is not found in the system's folders, and LD_LIBRARY_PATH is empty; install the NVIDIA driver, "
                        + "which brings it",
                LoadFailure.describe(missing("JCudaDriver", "libcuda.so.1"), ""));
    }

    @Test
    void librariesOfCudaAreNamedWithTheirRemedy() {
        assertEquals(
                "libcublas.so.12 is not found in LD_LIBRARY_PATH (/opt/a:/opt/b) and the system's folders; install CUDA 12 (or "
                        + "its runtime libraries) and put the folder of libcublas.so.12 on LD_LIBRARY_PATH",
                LoadFailure.describe(missing("JCublas2", "libcublas.so.12"), "/opt/a:/opt/b"));
        assertTrue(
                LoadFailure.describe(missing("JCusolver", "libcusolver.so.11")).startsWith("libcusolver.so.11 is"));
    }

    @Test
    void foldersThatWereGivenComeBeforeTheVirtualMachinesOwn() {
        String own = "/usr/java/packages/lib:/usr/lib/x86_64-linux-gnu/jni:/usr/lib";
        assertEquals("/opt/a:/opt/b", LoadFailure.givenFolders("/opt/a:/opt/b:" + own));
        assertEquals("", LoadFailure.givenFolders(own));
        assertEquals("/else", LoadFailure.givenFolders("/else"), "-Djava.library.path");
    }

    /** As the dynamic linker says it. */
    @Test
    void librariesOfAnotherVersionAreNamed() {
        String jcuda = "/tmp/libJCublas2-12.6.0-linux-x86_64.so";
        assertEquals(
                "a CUDA library is of another version than the program needs (libJCublas2-12.6.0-linux-x86_64.so: undefined "
                        + "symbol: cublasGemmEx_64); install CUDA 12 and put the folder of its libraries first on "
                        + "LD_LIBRARY_PATH",
                LoadFailure.describe(reported(
                        "JCublas2",
                        "java.lang.UnsatisfiedLinkError: " + jcuda + ": " + jcuda
                                + ": undefined symbol: cublasGemmEx_64")));
        assertTrue(LoadFailure.describe(reported(
                        "JCublas2",
                        "java.lang.UnsatisfiedLinkError: " + jcuda
                                + ": /usr/lib/libcublas.so.12: version `libcublas.so.12' " + "not found (required by "
                                + jcuda + ")"))
                .contains("(libcublas.so.12: version `libcublas.so.12' not found)"));
    }

    @Test
    void temporaryFolderWithoutExecutionIsNamed() {
        String file = "/run/scratch/libJCudaDriver-12.6.0-linux-x86_64.so";
        assertEquals(
                "nothing in /run/scratch, where JCuda is unpacked to, may be executed; set "
                        + "COSPADI_JAVA_OPTS=-Djava.io.tmpdir=FOLDER to a folder that is not mounted noexec",
                LoadFailure.describe(reported(
                        "JCudaDriver",
                        "java.lang.UnsatisfiedLinkError: " + file + ": " + file
                                + ": failed to map segment from shared object")));
    }

    @Test
    void anythingElseIsQuotedFromTheLastAttempt() {
        assertEquals(
                "the CUDA libraries can't be loaded (java.io.IOException: Could not create directory for temporary file: "
                        + "/proc/nowhere); the program brings them for Linux on x86-64 only, and unpacks them to the "
                        + "temporary folder",
                LoadFailure.describe(reported(
                        "JCudaDriver",
                        "java.io.IOException: Could not create directory for temporary file: /proc/nowhere")));
        assertTrue(LoadFailure.describe(new NoClassDefFoundError("jcuda/driver/JCudaDriver"))
                .startsWith("the CUDA libraries can't be loaded (jcuda/driver/JCudaDriver); "));
        assertTrue(LoadFailure.describe(new UnsatisfiedLinkError()).contains("can't be loaded (null)"));
    }

    /** The virtual machine's own words, on machines where they can be heard. */
    @TestFactory
    Stream<DynamicTest> whatThisMachineLacksIsNamed() {
        return Stream.of(
                lacking("libcuda.so.1", () -> JCudaDriver.cuInit(0)),
                lacking("libcublas.so.12", () -> JCublas2.cublasCreate(new cublasHandle())),
                lacking("libcusolver.so.11", () -> JCusolverDn.cusolverDnCreate(new cusolverDnHandle())));
    }

    private static DynamicTest lacking(String library, Executable call) {
        return DynamicTest.dynamicTest(library, () -> {
            boolean there;
            try {
                call.execute();
                there = true;
            } catch (NoClassDefFoundError e) {
                there = true; // failed earlier in this process, which is told only once
            } catch (UnsatisfiedLinkError e) {
                there = false;
                assertTrue(LoadFailure.describe(e).startsWith(library + " is not found in "), e.getMessage());
            }
            assumeFalse(there, library + " is there, or was asked for before");
        });
    }

    @Test
    void asOftenAsItIsAskedForTheDriverIsMissed() {
        try {
            CudaDevices.list();
        } catch (CudaUnavailableException first) {
            String again = assertThrows(CudaUnavailableException.class, CudaDevices::list)
                    .getMessage();
            assertEquals(first.getMessage(), again);
            assertEquals(
                    first.getMessage(),
                    assertThrows(CudaUnavailableException.class, () -> CudaDevices.open(7))
                            .getMessage());
            return;
        }
        assumeFalse(true, "this machine has a GPU");
    }
}
