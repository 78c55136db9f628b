package io.cospadi.cluster;

import io.cospadi.compression.JobTask;
import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.TaskEndReason;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.TaskKilled;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerSpeculativeTaskSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/** Says what Spark puts right by itself: executors that are lost, tasks that are begun again, copies of slow ones. */
final class SparkEvents extends SparkListener {
    private final Consumer<String> notes;
    private volatile List<JobTask> tasks = List.of();

    /** @param notes told on a thread of Spark's */
    SparkEvents(Consumer<String> notes) {
        this.notes = notes;
    }

    /** The tasks that are carried out from now on, as Spark numbers them. */
    void watch(List<JobTask> newTasks) {
        tasks = newTasks;
    }

    @Override
    public void onTaskEnd(SparkListenerTaskEnd event) {
        TaskEndReason reason = event.reason();
        // a copy that is no longer needed is no failure
        if (reason instanceof TaskFailedReason failed && !(reason instanceof TaskKilled)) {
            notes.accept(name(event.taskInfo().index()) + ", attempt "
                    + event.taskInfo().attemptNumber() + " on "
                    + event.taskInfo().host() + " failed: "
                    + failed.toErrorString().lines().findFirst().orElse("") + "; Spark begins it again");
        }
    }

    @Override
    public void onSpeculativeTaskSubmitted(SparkListenerSpeculativeTaskSubmitted event) {
        notes.accept(name(event.taskIndex()) + " takes long; Spark begins a copy of it");
    }

    @Override
    public void onExecutorRemoved(SparkListenerExecutorRemoved event) {
        notes.accept("executor " + event.executorId() + " is gone: "
                + event.reason().lines().findFirst().orElse(""));
    }

    private String name(int index) {
        List<JobTask> now = tasks;
        return index < now.size() ? now.get(index).toString() : "a task";
    }
}
