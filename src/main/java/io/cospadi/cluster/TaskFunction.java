package io.cospadi.cluster;

import io.cospadi.backend.Backend;
import io.cospadi.compression.JobDescription;
import io.cospadi.compression.JobTask;
import io.cospadi.compression.TaskWorker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.util.CollectionAccumulator;

/** What an executor does with one task. */
final class TaskFunction implements Function<JobTask, String> {
    private static final long serialVersionUID = 1;

    private final JobDescription job;
    private final BackendSource backends;
    private final CollectionAccumulator<String> names;

    /** @param names tells Spark's pages which task is which */
    TaskFunction(JobDescription job, BackendSource backends, CollectionAccumulator<String> names) {
        this.job = job;
        this.backends = backends;
        this.names = names;
    }

    @Override
    public String call(JobTask task) throws IOException {
        TaskContext context = TaskContext.get();
        names.add(task.name());
        Path spill = Files.createTempDirectory("cospadi-spill");
        try (Backend backend = backends.open(device(context))) {
            return new TaskWorker(job, backend, spill, context::isInterrupted).run(task);
        } finally {
            Files.deleteIfExists(spill);
        }
    }

    /** The first GPU that is the running task's alone. */
    static Optional<String> device(TaskContext context) {
        ResourceInformation gpu = context.resourcesJMap().get("gpu");
        return gpu == null || gpu.addresses().length == 0 ? Optional.empty() : Optional.of(gpu.addresses()[0]);
    }
}
