package io.cospadi.gpu;

import jcuda.driver.CUdeviceptr;

/** An address as JCuda takes it: of the device, or of host memory outside the Java heap. */
final class DeviceAddress extends CUdeviceptr {
    /** For JCuda to fill. */
    DeviceAddress() {}

    DeviceAddress(long address) {
        super(new CUdeviceptr(), address);
    }

    long value() {
        return getNativePointer() + getByteOffset();
    }
}
