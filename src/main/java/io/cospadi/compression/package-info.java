/**
 * The job: which options there are, what they come to for a given model, and carrying it out so that it can be stopped at
 * any moment and resumed.
 *
 * <p>In: a {@link io.cospadi.compression.Recipe} and the places it works on. Out: a compact folder that appears at once
 * when everything in it is verified. {@link io.cospadi.compression.Plan} answers from headers alone what
 * {@code CompressionJob} would do.
 */
package io.cospadi.compression;
