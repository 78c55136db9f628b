package io.cospadi.backend;

import io.cospadi.gpu.EmulatedCuda;

/** The CUDA backend on an emulated GPU, for tests of other packages. */
public final class EmulatedBackend {
    private EmulatedBackend() {}

    /** With so little memory that measuring its rate takes no time to speak of. */
    public static Backend open() {
        return new CudaBackend(new EmulatedCuda(), 64 << 20);
    }
}
