package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuGetErrorName;

import jcuda.driver.CUresult;

/** The driver's statuses as exceptions. */
final class Driver {
    private Driver() {}

    static void check(int status, String call) {
        check(status, call, "");
    }

    /** @param on shapes or sizes, for the message */
    static void check(int status, String call, String on) {
        if (status != CUresult.CUDA_SUCCESS) {
            throw new CudaException(call, nameOf(status), on);
        }
    }

    static String nameOf(int status) {
        String[] name = {"status " + status};
        cuGetErrorName(status, name);
        return name[0];
    }
}
