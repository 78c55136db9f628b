package io.cospadi.compression;

import io.cospadi.tensor.DeviceMemoryException;
import io.cospadi.tensor.Progress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/** One process's share of a job: its meter, its warnings, and the place where it is asked to stop. */
final class JobSession {
    private final JobEnvironment environment;
    private final WorkMeter meter;
    private final LongSupplier nanoClock;
    private final List<String> warnings = new ArrayList<>();
    private final Map<String, Double> secondsByPhase = new LinkedHashMap<>();
    private String doing = "";

    JobSession(JobEnvironment environment, LongSupplier nanoClock) {
        this.environment = environment;
        this.nanoClock = nanoClock;
        this.meter = new WorkMeter(nanoClock);
    }

    JobEnvironment environment() {
        return environment;
    }

    WorkMeter meter() {
        return meter;
    }

    /** Throws if the job was asked to stop. */
    void checkStop() {
        if (environment.stop().getAsBoolean()) {
            throw new StoppedException();
        }
    }

    void note(String line) {
        environment.listener().note(line);
    }

    void warn(String line) {
        warnings.add(line);
        environment.listener().warning(line);
    }

    List<String> warnings() {
        return warnings;
    }

    /** Wall time of the phases of this session, in order. */
    Map<String, Double> secondsByPhase() {
        return secondsByPhase;
    }

    /** A phase of work. */
    interface Phase<T> {
        T run();
    }

    /** Runs a phase and keeps its time, also when it fails; where a device's memory ends is said by what was being done. */
    <T> T phase(String name, WorkMeter.Kind kind, Phase<T> phase) {
        checkStop();
        meter.begin(kind);
        doing = name;
        long began = nanoClock.getAsLong();
        try {
            return phase.run();
        } catch (DeviceMemoryException e) {
            throw e.inJob(doing);
        } finally {
            secondsByPhase.merge(name, (nanoClock.getAsLong() - began) / 1e9, Double::sum);
        }
    }

    /** The current kind of work has reached {@code units}; stops here if asked to. */
    void reached(String doing, double units) {
        checkStop();
        this.doing = doing;
        meter.reached(units);
        environment.listener().progress(doing, meter.fraction(), meter.secondsLeft());
    }

    /**
     * Progress of a task that makes up {@code units} of the current kind, of which so many were done before it.
     */
    Progress progress(String doing, double before, double units) {
        return (done, total) -> reached(doing, before + (total == 0 ? units : units * done / total));
    }
}
