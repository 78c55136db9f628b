package io.cospadi.benchmark;

import java.util.OptionalDouble;

/**
 * One verb, timed.
 *
 * @param kernel what ran
 * @param on     for what, such as "gate,up 0.2"; "" where the shape says all
 * @param shape  of its operands
 * @param type   what it computes with
 * @param bytes  that it must read and write: weights and codes as they lie, a solver's matrices once each
 * @param flops  that the result takes, two a multiply-add
 * @param bound  whether the bytes or the flops are what the rate counts
 * @param times  of one run
 * @param roof   the machine's own bytes or flops a second, in the same run
 * @param dense  seconds of the dense product in its place by the vendor's library
 * @param sparse seconds of the same product by the vendor's sparse library
 */
public record Measurement(
        String kernel,
        String on,
        String shape,
        String type,
        double bytes,
        double flops,
        Bound bound,
        Times times,
        double roof,
        OptionalDouble dense,
        OptionalDouble sparse) {
    /** What limits a verb at best. */
    public enum Bound {
        MEMORY,
        ARITHMETIC
    }

    /** Bytes or flops a second. */
    public double rate() {
        return (bound == Bound.MEMORY ? bytes : flops) / times.median();
    }

    /** The rate's share of the roof. */
    public double share() {
        return rate() / roof;
    }

    /** How many times as fast as the dense product. */
    public OptionalDouble timesDense() {
        return ratio(dense);
    }

    /** How many times as fast as the sparse library. */
    public OptionalDouble timesSparse() {
        return ratio(sparse);
    }

    private OptionalDouble ratio(OptionalDouble seconds) {
        return seconds.isPresent() ? OptionalDouble.of(seconds.getAsDouble() / times.median()) : seconds;
    }
}
