package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;

import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;

/** A stream of its own for copies to the device, with staging memory of its own, both made when the first copy is asked for. */
final class CopyStream implements AutoCloseable {
    private final Runnable bind;
    private CUstream stream;
    private PinnedStaging staging;

    /** @param bind makes the context the calling thread's */
    CopyStream(Runnable bind) {
        this.bind = bind;
    }

    /**
     * As {@link CudaCalls#toDeviceBeside}.
     *
     * @param queue what waits for the copy
     */
    void toDevice(StreamMark lastUse, long to, long bytes, CudaCalls.Piece fill, CUstream queue) {
        open();
        if (lastUse != null) {
            lastUse.holdUp(stream);
        }
        try {
            staging.toDevice(to, bytes, fill);
        } finally {
            // also behind a failed one: the memory may be used for something else then
            try (StreamMark arrived = new StreamMark(stream, bind)) {
                arrived.holdUp(queue);
            }
        }
    }

    private void open() {
        if (stream == null) {
            CUstream made = new CUstream();
            Driver.check(cuStreamCreate(made, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
            stream = made;
        }
        if (staging == null) {
            staging = new PinnedStaging(stream);
        }
    }

    @Override
    public void close() {
        if (staging != null) {
            staging.close();
        }
        if (stream != null) {
            Driver.check(cuStreamDestroy(stream), "cuStreamDestroy");
        }
    }
}
