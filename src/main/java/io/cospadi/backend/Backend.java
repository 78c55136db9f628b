package io.cospadi.backend;

/** The verbs that every algorithm computes with. Not thread-safe: one caller at a time; a backend parallelises inside. */
public sealed interface Backend
        extends Storage, LinearAlgebra, SparseCodingVerbs, DecoderVerbs, GradientVerbs, AutoCloseable
        permits CpuBackend {
    /** What decides the result's bits: device, library, kernel and thread count; part of a job's fingerprint. */
    String identity();

    /** "cpu" or "cuda". */
    String name();

    /** Bytes of matrices now allocated, for leak checks. */
    long allocatedBytes();

    @Override
    void close();
}
