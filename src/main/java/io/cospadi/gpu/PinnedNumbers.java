package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventQuery;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;

/**
 * Numbers on their way to the host without anybody waiting: a ring of page-locked places, each with an event behind the copy into
 * it. When a place's turn comes again, whoever asked for the number before keeps it; so none has to be given back, and the host
 * runs at most this many numbers ahead of the device.
 */
final class PinnedNumbers implements AutoCloseable {
    private static final int PLACES = 128;

    private final CUstream stream;
    private final Runnable bind;
    private final Pointer memory = new Pointer();
    private final ByteBuffer places;
    private final CUevent[] copied = new CUevent[PLACES];
    /** Who has the place; null before its first turn. */
    private final Pending[] pending = new Pending[PLACES];

    private int next;

    /** @param bind makes the context the calling thread's */
    PinnedNumbers(CUstream stream, Runnable bind) {
        this.stream = stream;
        this.bind = bind;
        int bytes = PLACES * Double.BYTES;
        Driver.check(cuMemHostAlloc(memory, bytes, 0), "cuMemHostAlloc", bytes + " bytes");
        places = memory.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
        for (int i = 0; i < PLACES; i++) {
            copied[i] = new CUevent();
            Driver.check(cuEventCreate(copied[i], CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        }
    }

    /** As {@link CudaCalls#fetch}. */
    CudaCalls.Fetched fetch(long from) {
        int place = next;
        next = (next + 1) % PLACES;
        keep(place);
        Driver.check(
                cuMemcpyDtoHAsync(
                        memory.withByteOffset((long) place * Double.BYTES),
                        new DeviceAddress(from),
                        Double.BYTES,
                        stream),
                "cuMemcpyDtoHAsync",
                Double.BYTES + " bytes");
        Driver.check(cuEventRecord(copied[place], stream), "cuEventRecord");
        pending[place] = new Pending(place);
        return pending[place];
    }

    private void keep(int place) {
        if (pending[place] != null) {
            pending[place].value();
        }
    }

    private final class Pending implements CudaCalls.Fetched {
        private final int place;
        private boolean taken;
        private double value;

        Pending(int place) {
            this.place = place;
        }

        @Override
        public boolean arrived() {
            if (!taken) {
                bind.run();
                int status = cuEventQuery(copied[place]);
                if (status == CUresult.CUDA_ERROR_NOT_READY) {
                    return false;
                }
                Driver.check(status, "cuEventQuery");
                take();
            }
            return true;
        }

        @Override
        public double value() {
            if (!taken) {
                bind.run();
                Driver.check(cuEventSynchronize(copied[place]), "cuEventSynchronize");
                take();
            }
            return value;
        }

        private void take() {
            value = places.getDouble(place * Double.BYTES);
            taken = true;
        }
    }

    /** Numbers asked for can still be had. */
    @Override
    public void close() {
        for (int i = 0; i < PLACES; i++) {
            keep(i);
            Driver.check(cuEventDestroy(copied[i]), "cuEventDestroy");
        }
        Driver.check(cuMemFreeHost(memory), "cuMemFreeHost");
    }
}
