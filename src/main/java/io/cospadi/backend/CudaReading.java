package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;

/** A number that a GPU sends to the host. */
record CudaReading(CudaCalls.Fetched number) implements Reading {
    @Override
    public boolean arrived() {
        return number.arrived();
    }

    @Override
    public double value() {
        return number.value();
    }
}
