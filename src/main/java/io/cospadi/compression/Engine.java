package io.cospadi.compression;

import java.util.List;
import java.util.function.BiConsumer;

/** Carries out the independent tasks of a job on other processes, which see the same files. */
public interface Engine {
    /** Identity of the backend that all of them compute with; part of the job's fingerprint. */
    String backend();

    /** How many tasks run at the same time. */
    int slots();

    /**
     * Carries out all tasks of one kind, by {@link TaskWorker#run}, each at least once. Returns when all are done.
     *
     * @param job     what they have in common
     * @param tasks   to be begun in this order
     * @param arrived told each task's result once, one at a time
     * @throws io.cospadi.tensor.CospadiException if a task can't be carried out
     * @throws StoppedException                   if asked to stop
     */
    void run(JobDescription job, List<JobTask> tasks, BiConsumer<JobTask, String> arrived);
}
