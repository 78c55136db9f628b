package io.cospadi.compression;

import io.cospadi.backend.Backend;
import java.time.Clock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * What a job is given by whoever starts it.
 *
 * @param backend computes; stays the caller's
 * @param threads that it computes with, for the report
 * @param program version and commit; part of the fingerprint
 * @param clock   for events and the report
 * @param host    describes the machine when the job is done
 * @param page    makes the report that people read
 * @param listener told of progress
 * @param stop    whether to stop; asked often, from the job's thread
 */
public record JobEnvironment(
        Backend backend,
        int threads,
        String program,
        Clock clock,
        Supplier<RunReport.Host> host,
        ReportPage page,
        JobListener listener,
        BooleanSupplier stop) {}
