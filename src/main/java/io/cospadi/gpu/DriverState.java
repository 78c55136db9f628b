package io.cospadi.gpu;

import static jcuda.driver.CUresult.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE;
import static jcuda.driver.CUresult.CUDA_ERROR_NO_DEVICE;
import static jcuda.driver.CUresult.CUDA_ERROR_STUB_LIBRARY;
import static jcuda.driver.CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
import static jcuda.driver.CUresult.CUDA_ERROR_SYSTEM_NOT_READY;
import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuInit;

/** Whether the NVIDIA driver that is there can be used at all; if not, why, and what helps. */
final class DriverState {
    /** Of the CUDA that a driver must serve to read the kernels, which are PTX 8.5: 12.5. */
    private static final int LEAST_VERSION = 12050;

    private DriverState() {}

    /**
     * Begins to use the driver.
     *
     * @throws CudaUnavailableException if that can't be
     */
    static void requireUsable() {
        int status = cuInit(0);
        if (status != CUDA_SUCCESS) {
            throw new CudaUnavailableException(describe(status, Driver.nameOf(status)));
        }
        int[] version = new int[1];
        Driver.check(cuDriverGetVersion(version), "cuDriverGetVersion");
        requireVersion(version[0]);
    }

    static void requireVersion(int version) {
        if (version < LEAST_VERSION) {
            throw new CudaUnavailableException("the NVIDIA driver is of CUDA " + text(version)
                    + ", and the program's kernels need " + text(LEAST_VERSION)
                    + " or later; update the driver, to 555 or later");
        }
    }

    /** "12.5" of 12050. */
    static String text(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    /** What cuInit's answer means, and what helps. */
    static String describe(int status, String name) {
        return switch (status) {
            case CUDA_ERROR_NO_DEVICE ->
                "the NVIDIA driver finds no GPU; nvidia-smi lists those it knows,"
                        + " CUDA_VISIBLE_DEVICES may hide them";
            case CUDA_ERROR_STUB_LIBRARY ->
                "libcuda.so.1 is the stub that CUDA brings for linking;"
                        + " take its folder off LD_LIBRARY_PATH, so that the driver's own is found";
            case CUDA_ERROR_SYSTEM_NOT_READY ->
                "the NVIDIA driver is not ready (" + name
                        + "); start nvidia-fabricmanager and what else the machine's GPUs need, and try again";
            case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
                "libcuda.so.1 and the NVIDIA kernel module are of different"
                        + " versions; restart the machine, or install both anew";
            case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE ->
                "libcuda.so.1 is a compatibility package that this GPU"
                        + " has no support for; take its folder off LD_LIBRARY_PATH, or update the driver";
            default ->
                "the NVIDIA driver can't be used: cuInit failed with " + name
                        + "; see whether nvidia-smi works, load the kernel modules (modprobe nvidia nvidia_uvm), or restart the"
                        + " machine";
        };
    }
}
