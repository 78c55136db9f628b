package io.cospadi.tensor;

/** How far a long task has come; called from the thread that does the work, cheap to call often. */
@FunctionalInterface
public interface Progress {
    /** Nobody listens. */
    Progress NONE = (done, total) -> {};

    /**
     * @param done  units finished so far, never falling
     * @param total units in all, {@code >= done}; the unit is the task's own
     */
    void advance(long done, long total);
}
