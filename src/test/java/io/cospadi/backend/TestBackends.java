package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.Gpu;
import io.cospadi.gpu.LateQueue;
import io.cospadi.gpu.LeastShared;
import io.cospadi.gpu.SlowDoubles;

/** CUDA backends for the tests of other packages; the caller closes them. */
public final class TestBackends {
    private TestBackends() {}

    /** On CUDA as it is, kernels in emulation; without g++ the calling test is skipped. */
    public static Backend emulated() {
        return on(new EmulatedCuda(), Long.MAX_VALUE);
    }

    /** The same, with whatever is queued done as late as it may be, and what is copied beside it as early. */
    public static Backend emulatedLate() {
        return on(new LateQueue(new EmulatedCuda()).calls(), Long.MAX_VALUE);
    }

    /** On this machine's GPU; without one the calling test is skipped. */
    public static Backend gpu() {
        return on(Gpu.open(), Long.MAX_VALUE);
    }

    /** On CUDA in emulation without fast f64; without g++ the calling test is skipped. */
    public static Backend emulatedWithSlowDoubles() {
        return on(SlowDoubles.on(new EmulatedCuda()), Long.MAX_VALUE);
    }

    /** On CUDA in emulation with as little shared memory as a block may have; without g++ the calling test is skipped. */
    public static Backend emulatedWithLeastShared() {
        return on(EmulatedCuda.withLeastShared(), Long.MAX_VALUE);
    }

    /** On this machine's GPU, as if f64 were slow there; without one the calling test is skipped. */
    public static Backend gpuWithSlowDoubles() {
        return on(SlowDoubles.on(Gpu.open()), Long.MAX_VALUE);
    }

    /** On this machine's GPU, by what blocks with the least shared memory would run; without one the calling test is skipped. */
    public static Backend gpuWithLeastShared() {
        return on(LeastShared.on(Gpu.open()), Long.MAX_VALUE);
    }

    /** On a device of the caller's, within {@code maxVram} bytes. */
    public static Backend on(CudaCalls device, long maxVram) {
        return new CudaBackend(device, maxVram, 2);
    }
}
