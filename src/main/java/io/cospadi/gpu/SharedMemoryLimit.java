package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** How much dynamic shared memory a kernel's blocks can have on a device. */
final class SharedMemoryLimit {
    private final int most;

    /**
     * Of a kernel on a device.
     *
     * @param mostShared  bytes of shared memory that a block of the device can have
     * @param staticBytes what the kernel declares of them, or more
     */
    SharedMemoryLimit(int mostShared, int staticBytes) {
        most = Math.min(mostShared, LaunchGeometry.MOST_SHARED_BYTES) - staticBytes;
    }

    boolean allows(long bytes) {
        return bytes <= most;
    }

    /**
     * The bytes, for a launch.
     *
     * @param what needs them, for the message
     * @throws CospadiException if a block can't have so many
     */
    int require(long bytes, String what) {
        if (!allows(bytes)) {
            throw new CospadiException(what + " need " + bytes + " bytes of shared memory a block, and this GPU allows "
                    + most + "; use fewer atoms, --backend cpu, or a GPU that allows more");
        }
        return (int) bytes;
    }
}
