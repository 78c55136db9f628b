package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuEventQuery;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;

/** An event recorded on a stream when it was made. */
final class StreamMark implements CudaCalls.Mark {
    private final CUevent event = new CUevent();
    private final Runnable bind;

    /** @param bind makes the context the calling thread's */
    StreamMark(CUstream stream, Runnable bind) {
        this.bind = bind;
        Driver.check(cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT), "cuEventCreate");
        Driver.check(cuEventRecord(event, stream), "cuEventRecord");
    }

    /** What is queued on another stream from now on waits for this place. */
    void holdUp(CUstream other) {
        Driver.check(cuStreamWaitEvent(other, event, 0), "cuStreamWaitEvent");
    }

    @Override
    public double millisecondsSince(CudaCalls.Mark earlier) {
        bind.run();
        Driver.check(cuEventSynchronize(event), "cuEventSynchronize");
        float[] milliseconds = new float[1];
        Driver.check(cuEventElapsedTime(milliseconds, ((StreamMark) earlier).event, event), "cuEventElapsedTime");
        return milliseconds[0];
    }

    @Override
    public boolean passed() {
        bind.run();
        int status = cuEventQuery(event);
        if (status == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        Driver.check(status, "cuEventQuery");
        return true;
    }

    @Override
    public void close() {
        bind.run();
        Driver.check(cuEventDestroy(event), "cuEventDestroy");
    }
}
