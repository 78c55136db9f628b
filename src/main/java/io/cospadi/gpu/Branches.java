package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;

/** Streams beside a main one that begin where it forks and that it waits for where they join. */
final class Branches implements AutoCloseable {
    private final CUstream main;
    private final CUstream[] side = new CUstream[CudaCalls.MOST_BRANCHES];
    private final CUevent[] ends = new CUevent[CudaCalls.MOST_BRANCHES];
    private final CUevent forked = new CUevent();
    private final CUevent passed = new CUevent();
    private int used;

    Branches(CUstream main) {
        this.main = main;
        Driver.check(cuEventCreate(forked, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        Driver.check(cuEventCreate(passed, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        for (int i = 0; i < side.length; i++) {
            side[i] = new CUstream();
            ends[i] = new CUevent();
            Driver.check(cuStreamCreate(side[i], CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
            Driver.check(cuEventCreate(ends[i], CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        }
    }

    void fork() {
        Driver.check(cuEventRecord(forked, main), "cuEventRecord");
        used = 0;
    }

    CUstream next() {
        if (used == side.length) {
            throw new IllegalStateException("more than " + side.length + " branches");
        }
        Driver.check(cuStreamWaitEvent(side[used], forked, 0), "cuStreamWaitEvent");
        return side[used++];
    }

    /** Runs what only the main stream may, as part of a branch. */
    void onMain(CUstream branch, Runnable calls) {
        Driver.check(cuEventRecord(passed, branch), "cuEventRecord");
        Driver.check(cuStreamWaitEvent(main, passed, 0), "cuStreamWaitEvent");
        calls.run();
        Driver.check(cuEventRecord(passed, main), "cuEventRecord");
        Driver.check(cuStreamWaitEvent(branch, passed, 0), "cuStreamWaitEvent");
    }

    void join() {
        for (int i = 0; i < used; i++) {
            Driver.check(cuEventRecord(ends[i], side[i]), "cuEventRecord");
            Driver.check(cuStreamWaitEvent(main, ends[i], 0), "cuStreamWaitEvent");
        }
    }

    @Override
    public void close() {
        Driver.check(cuEventDestroy(forked), "cuEventDestroy");
        Driver.check(cuEventDestroy(passed), "cuEventDestroy");
        for (int i = 0; i < side.length; i++) {
            Driver.check(cuEventDestroy(ends[i]), "cuEventDestroy");
            Driver.check(cuStreamDestroy(side[i]), "cuStreamDestroy");
        }
    }
}
