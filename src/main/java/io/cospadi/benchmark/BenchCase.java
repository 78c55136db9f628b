package io.cospadi.benchmark;

/**
 * What a benchmark is going to time, as far as shapes tell.
 *
 * @param kernel what runs
 * @param on     for what, such as "gate,up 0.2"; "" where the shape says all
 * @param shape  of its operands
 * @param bytes  that it must read and write; 0 where they are not what counts
 * @param flops  that the result takes, two a multiply-add; 0 where there are none
 * @param memory bytes that its operands take while it is timed, where the backend computes
 */
public record BenchCase(String kernel, String on, String shape, double bytes, double flops, long memory) {}
