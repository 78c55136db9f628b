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
import java.util.ArrayDeque;
import java.util.Deque;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;

/**
 * Page-locked host memory through which what one stream copies between host and device travels, a piece at a time: while one
 * piece is copied by the device, the next is filled, and what was queued before goes on meanwhile.
 */
final class PinnedStaging implements AutoCloseable {
    private static final int BYTES = 16 << 20;
    /** A quarter, so that two pieces and what is lost at the end of the ring are never in each other's way. */
    private static final int PIECE_BYTES = BYTES / 4;

    private final CUstream stream;
    private final Pointer memory = new Pointer();
    private final ByteBuffer content;
    private final StagingRing<CUevent> ring = new StagingRing<>(BYTES, this::waitFor);
    private final Deque<CUevent> spareEvents = new ArrayDeque<>();

    PinnedStaging(CUstream stream) {
        this.stream = stream;
        Driver.check(cuMemHostAlloc(memory, BYTES, 0), "cuMemHostAlloc", BYTES + " bytes");
        content = memory.getByteBuffer(0, BYTES);
    }

    /** As {@link CudaCalls#toDevice}. */
    void toDevice(long to, long bytes, CudaCalls.Piece fill) {
        for (long done = 0; done < bytes; done += PIECE_BYTES) {
            int count = count(bytes, done);
            int at = ring.take(count);
            fill.pass(piece(at, count), done);
            Driver.check(
                    cuMemcpyHtoDAsync(new DeviceAddress(to + done), memory.withByteOffset(at), count, stream),
                    "cuMemcpyHtoDAsync",
                    count + " bytes");
            ring.hold(recorded());
        }
    }

    /** A piece on its way from the device. */
    private record Fetched(int at, CUevent arrived) {}

    /** As {@link CudaCalls#toHost}: while one piece is emptied, the next is on its way. */
    void toHost(long from, long bytes, CudaCalls.Piece empty) {
        Fetched next = bytes > 0 ? fetch(from, bytes, 0) : null;
        for (long done = 0; done < bytes; done += PIECE_BYTES) {
            Fetched piece = next;
            next = done + PIECE_BYTES < bytes ? fetch(from, bytes, done + PIECE_BYTES) : null;
            Driver.check(cuEventSynchronize(piece.arrived()), "cuEventSynchronize");
            empty.pass(piece(piece.at(), count(bytes, done)), done);
        }
    }

    private Fetched fetch(long from, long bytes, long done) {
        int count = count(bytes, done);
        int at = ring.take(count);
        Driver.check(
                cuMemcpyDtoHAsync(memory.withByteOffset(at), new DeviceAddress(from + done), count, stream),
                "cuMemcpyDtoHAsync",
                count + " bytes");
        CUevent arrived = recorded();
        ring.hold(arrived);
        return new Fetched(at, arrived);
    }

    private static int count(long bytes, long done) {
        return (int) Math.min(PIECE_BYTES, bytes - done);
    }

    private ByteBuffer piece(int at, int count) {
        return content.slice(at, count).order(ByteOrder.nativeOrder());
    }

    private CUevent recorded() {
        CUevent event = spareEvents.poll();
        if (event == null) {
            event = new CUevent();
            Driver.check(cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        }
        Driver.check(cuEventRecord(event, stream), "cuEventRecord");
        return event;
    }

    private void waitFor(CUevent event) {
        Driver.check(cuEventSynchronize(event), "cuEventSynchronize");
        spareEvents.add(event);
    }

    @Override
    public void close() {
        ring.drain();
        for (CUevent event : spareEvents) {
            Driver.check(cuEventDestroy(event), "cuEventDestroy");
        }
        Driver.check(cuMemFreeHost(memory), "cuMemFreeHost");
    }
}
