package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;

/** A mark in a GPU's queue. */
record CudaMoment(CudaCalls.Mark mark) implements Moment {
    @Override
    public double secondsSince(Moment earlier) {
        return mark.millisecondsSince(((CudaMoment) earlier).mark) * 1e-3;
    }

    @Override
    public void close() {
        mark.close();
    }
}
