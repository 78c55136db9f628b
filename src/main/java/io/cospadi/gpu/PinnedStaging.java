package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;

/**
 * Page-locked host memory through which everything travels between host and device, a piece at a time: while one piece is
 * copied by the device, the next is filled, and what was queued before goes on meanwhile.
 */
final class PinnedStaging implements AutoCloseable {
    private static final int PIECES = 2;
    private static final int PIECE_BYTES = 8 << 20;

    private final CUstream stream;
    private final Pointer[] memory = new Pointer[PIECES];
    private final ByteBuffer[] pieces = new ByteBuffer[PIECES];
    private final CUevent[] copied = new CUevent[PIECES];
    private int next;

    PinnedStaging(CUstream stream) {
        this.stream = stream;
        for (int i = 0; i < PIECES; i++) {
            memory[i] = new Pointer();
            Driver.check(cuMemHostAlloc(memory[i], PIECE_BYTES, 0), "cuMemHostAlloc", PIECE_BYTES + " bytes");
            pieces[i] = memory[i].getByteBuffer(0, PIECE_BYTES).order(ByteOrder.nativeOrder());
            copied[i] = new CUevent();
            Driver.check(cuEventCreate(copied[i], CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        }
    }

    /** As {@link CudaCalls#toDevice}. */
    void toDevice(long to, ByteBuffer from) {
        ByteBuffer rest = from.duplicate();
        for (long at = to; rest.hasRemaining(); ) {
            Driver.check(cuEventSynchronize(copied[next]), "cuEventSynchronize");
            int count = Math.min(PIECE_BYTES, rest.remaining());
            pieces[next].clear().put(rest.slice().limit(count));
            rest.position(rest.position() + count);
            Driver.check(
                    cuMemcpyHtoDAsync(new DeviceAddress(at), memory[next], count, stream),
                    "cuMemcpyHtoDAsync",
                    count + " bytes");
            Driver.check(cuEventRecord(copied[next], stream), "cuEventRecord");
            next = (next + 1) % PIECES;
            at += count;
        }
    }

    /** As {@link CudaCalls#toHost}. */
    void toHost(ByteBuffer to, long from) {
        ByteBuffer rest = to.duplicate();
        for (long at = from; rest.hasRemaining(); ) {
            int count = Math.min(PIECE_BYTES, rest.remaining());
            // the stream is waited for, so no earlier piece is on its way
            Driver.check(
                    cuMemcpyDtoHAsync(memory[0], new DeviceAddress(at), count, stream),
                    "cuMemcpyDtoHAsync",
                    count + " bytes");
            Driver.check(cuStreamSynchronize(stream), "cuStreamSynchronize");
            rest.put(pieces[0].clear().limit(count));
            at += count;
        }
    }

    @Override
    public void close() {
        for (int i = 0; i < PIECES; i++) {
            Driver.check(cuEventDestroy(copied[i]), "cuEventDestroy");
            Driver.check(cuMemFreeHost(memory[i]), "cuMemFreeHost");
        }
    }
}
