package io.cospadi.compression;

/**
 * How a job ended.
 *
 * @param alreadyComplete whether the output was there before, with the same fingerprint, and nothing was done
 * @param report          of the run that made it
 */
public record JobResult(boolean alreadyComplete, RunReport report) {}
