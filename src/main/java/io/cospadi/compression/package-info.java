/**
 * The job: which options there are, what they come to for a given model, and carrying it out so that it can be stopped at
 * any moment and resumed.
 *
 * <p>In: a {@link io.cospadi.compression.Recipe} and the places it works on. Out: a compact folder that appears at once
 * when everything in it is verified. {@link io.cospadi.compression.Plan} answers from headers alone what
 * {@code CompressionJob} would do.
 *
 * <p>A job is stages of independent {@link io.cospadi.compression.JobTask}s, each from files to files. One process carries them
 * out one after the other, an {@link io.cospadi.compression.Engine} on many machines at the same time, and the shares of a
 * {@link io.cospadi.compression.DividedJob} without one; the bytes are the same.
 */
package io.cospadi.compression;
