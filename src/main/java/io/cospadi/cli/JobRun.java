package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.compression.JobEnvironment;
import io.cospadi.compression.StoppedException;
import io.cospadi.report.HtmlReport;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Carries out a job or a stage of one for a command: with a backend, a display, and a way to be stopped. */
final class JobRun {
    private final Terminal terminal;
    private final StopSignal stop;
    private final String resume;
    private final GpuOptions gpu;

    /** @param resume what to do after a stop, for the user */
    JobRun(Terminal terminal, StopSignal stop, String resume, GpuOptions gpu) {
        this.gpu = gpu;
        this.terminal = terminal;
        this.stop = stop;
        this.resume = resume;
    }

    /**
     * Runs it.
     *
     * @param backend name of it
     * @param threads to compute with
     * @return what it came to; empty if it was stopped, which was said by then
     */
    <T> Optional<T> run(String backend, int threads, Function<JobEnvironment, T> job) {
        stop.orderly(resume);
        try (Backend opened = Backends.open(backend, threads, gpu, terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            return Optional.of(job.apply(environment(opened, threads, display, stop)));
        } catch (StoppedException e) {
            terminal.failure("stopped; " + resume);
            return Optional.empty();
        }
    }

    /** Everything a job is given, for a backend that the caller closes. */
    static JobEnvironment environment(Backend backend, int threads, JobDisplay display, StopSignal stop) {
        return new JobEnvironment(
                backend,
                threads,
                BuildInfo.read().toString(),
                Clock.systemUTC(),
                Machine.here()::host,
                (report, folder) -> HtmlReport.write(folder.resolve("report.html"), List.of(report)),
                display,
                stop::requested);
    }
}
