package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;

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
    void toDevice(long to, long bytes, CudaCalls.Piece fill) {
        for (long done = 0; done < bytes; done += PIECE_BYTES) {
            Driver.check(cuEventSynchronize(copied[next]), "cuEventSynchronize");
            int count = (int) Math.min(PIECE_BYTES, bytes - done);
            fill.pass(pieces[next].clear().limit(count), done);
            Driver.check(
                    cuMemcpyHtoDAsync(new DeviceAddress(to + done), memory[next], count, stream),
                    "cuMemcpyHtoDAsync",
                    count + " bytes");
            Driver.check(cuEventRecord(copied[next], stream), "cuEventRecord");
            next = (next + 1) % PIECES;
        }
    }

    /** As {@link CudaCalls#toHost}: while one piece is emptied, the next is on its way. */
    void toHost(long from, long bytes, CudaCalls.Piece empty) {
        if (bytes > 0) {
            fetch(from, bytes, 0);
        }
        for (long done = 0; done < bytes; done += PIECE_BYTES) {
            int piece = (int) (done / PIECE_BYTES % PIECES);
            if (done + PIECE_BYTES < bytes) {
                fetch(from, bytes, done + PIECE_BYTES);
            }
            Driver.check(cuEventSynchronize(copied[piece]), "cuEventSynchronize");
            empty.pass(pieces[piece].clear().limit((int) Math.min(PIECE_BYTES, bytes - done)), done);
        }
    }

    private void fetch(long from, long bytes, long done) {
        int piece = (int) (done / PIECE_BYTES % PIECES);
        int count = (int) Math.min(PIECE_BYTES, bytes - done);
        Driver.check(cuEventSynchronize(copied[piece]), "cuEventSynchronize");
        Driver.check(
                cuMemcpyDtoHAsync(memory[piece], new DeviceAddress(from + done), count, stream),
                "cuMemcpyDtoHAsync",
                count + " bytes");
        Driver.check(cuEventRecord(copied[piece], stream), "cuEventRecord");
    }

    @Override
    public void close() {
        for (int i = 0; i < PIECES; i++) {
            Driver.check(cuEventDestroy(copied[i]), "cuEventDestroy");
            Driver.check(cuMemFreeHost(memory[i]), "cuMemFreeHost");
        }
    }
}
