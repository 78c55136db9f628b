package io.cospadi.compression;

/** Told what a job does, on the job's thread. */
public interface JobListener {
    /** Nobody listens. */
    JobListener NONE = new JobListener() {};

    /** Something that is worth a line. */
    default void note(String line) {}

    /** Something that the user should know of, because the result is not quite what was asked for. */
    default void warning(String line) {}

    /**
     * How far the whole job is; called often.
     *
     * @param doing       what is being done
     * @param fraction    share of the job's time that is over, never falling
     * @param secondsLeft estimate for the rest
     */
    default void progress(String doing, double fraction, double secondsLeft) {}
}
