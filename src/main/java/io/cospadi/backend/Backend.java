package io.cospadi.backend;

import java.util.Optional;
import java.util.function.IntConsumer;

/** The verbs that every algorithm computes with. Not thread-safe: one caller at a time; a backend parallelises inside. */
public sealed interface Backend
        extends Storage, LinearAlgebra, SparseCodingVerbs, RoundingVerbs, DecoderVerbs, GradientVerbs, AutoCloseable
        permits CpuBackend, CudaBackend {
    /** What decides the result's bits: device, library, kernel and thread count; part of a job's fingerprint. */
    String identity();

    /** "cpu" or "cuda". */
    String name();

    /**
     * Runs verbs without their effect and keeps them, to be run again as one; empty where that gains nothing. They may not move
     * data between host and device, nor return numbers, and what they work on must not be closed before the recording. The same
     * verbs, on matrices of the same shapes, have run before.
     */
    default Optional<Recording> record(Runnable verbs) {
        return Optional.empty();
    }

    /** Whether f64 products are so fast beside an eigendecomposition that seven times as many operations of them pay. */
    default boolean favoursProducts() {
        return false;
    }

    /**
     * Whether verbs are queued for a device while the host goes on, and {@link #load} and {@link #upload(io.cospadi.tensor.Codes)}
     * into new memory beside them: then it pays to load early what is needed next, and to hand on to the device what it chose
     * itself, where there is room for it.
     */
    default boolean queuesAhead() {
        return false;
    }

    /**
     * What a multiply-add with an F32 matrix takes, in products of many tokens, where one with a weight in BF16 or with codes
     * takes 1.
     */
    default double singlePrecisionCost() {
        return 1;
    }

    /**
     * Runs tasks 0 .. count-1 of the host's on the threads that the backend has there, and returns when all are done. A task writes
     * only what belongs to its number, so the result depends on no thread; the first failure is thrown.
     */
    void onHost(int count, IntConsumer task);

    /** Waits until all verbs are done, for those who measure time; results are waited for in any case. */
    default void synchronize() {}

    /**
     * Watches from now on which calls of the device take how long, where there is a device; that costs a little itself.
     *
     * @return told when asked: milliseconds and calls by kind
     */
    default Optional<DeviceTimes> watch() {
        return Optional.empty();
    }

    /** This place among the verbs, for those who measure time without waiting; whoever asks closes it. */
    default Moment moment() {
        return new Moment.OfHost(System.nanoTime());
    }

    /** Seconds from when the first of the verbs begins until all are done, by the device's clock where it has one. */
    default double seconds(Runnable verbs) {
        try (Moment begin = moment()) {
            verbs.run();
            try (Moment end = moment()) {
                return end.secondsSince(begin);
            }
        }
    }

    /** Bytes a second between memory and whoever computes, measured now: what a verb that does nothing but read could reach. */
    double memoryRate();

    /** Bytes that matrices can still take; {@code Long.MAX_VALUE} where nobody counts. */
    default long availableBytes() {
        return Long.MAX_VALUE;
    }

    /**
     * Makes sure that {@link #orthogonalMatchingPursuit} takes such sizes, for those who have long to compute until then.
     *
     * @throws io.cospadi.tensor.CospadiException if it does not
     */
    default void requirePursuit(int k, int s) {}

    /** Columns that a head of attention can have at most. */
    default int mostHeadDim() {
        return Integer.MAX_VALUE;
    }

    /** The libraries' own products. */
    VendorProducts vendorProducts();

    /** Bytes of matrices now allocated, for leak checks. */
    long allocatedBytes();

    @Override
    void close();
}
