/**
 * How fast a backend's verbs are, at a model's sizes, each beside the machine's own rate and other libraries in the same run.
 *
 * <p>{@link io.cospadi.benchmark.ProjectionKernels} times what decoding does, {@link io.cospadi.benchmark.SolverKernels} what
 * factorising does; both check a result before they time it and hand out {@link io.cospadi.benchmark.Measurement}s. Operands take
 * turns ({@link io.cospadi.benchmark.Copies}), so that no cache holds the next one.
 */
package io.cospadi.benchmark;
