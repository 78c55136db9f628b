package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuGetErrorName;

import java.util.Set;
import jcuda.driver.CUresult;

/** The driver's statuses as exceptions. */
final class Driver {
    /** What a device reports of a kernel at some later call, whichever that is. */
    private static final Set<Integer> LATE = Set.of(
            CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
            CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
            CUresult.CUDA_ERROR_ASSERT,
            CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
            CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
            CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
            CUresult.CUDA_ERROR_INVALID_PC,
            CUresult.CUDA_ERROR_LAUNCH_FAILED);

    private static String lastKernel = "none";

    private Driver() {}

    static void check(int status, String call) {
        check(status, call, "");
    }

    /** @param on shapes or sizes, for the message */
    static void check(int status, String call, String on) {
        if (status != CUresult.CUDA_SUCCESS) {
            CudaException failure = new CudaException(call, nameOf(status), on);
            throw LATE.contains(status) ? failure.with(hint()) : failure;
        }
    }

    private static String hint() {
        return "; it is of a call queued before, the last kernel was " + lastKernel + "; with COSPADI_JAVA_OPTS=-D"
                + SynchronousCalls.PROPERTY + "=true the one that failed is named";
    }

    /** Keeps what may be at work when the device reports a failure. */
    static void launched(String kernel) {
        lastKernel = kernel;
    }

    static String nameOf(int status) {
        String[] name = {"status " + status};
        cuGetErrorName(status, name);
        return name[0];
    }
}
