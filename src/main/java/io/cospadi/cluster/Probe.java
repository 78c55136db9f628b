package io.cospadi.cluster;

import io.cospadi.backend.Backend;
import java.io.Serializable;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import org.apache.spark.TaskContext;

/**
 * What a task computes with.
 *
 * @param backend identity
 * @param host    where it ran
 * @param device  address of the GPU that Spark set apart for it; null without
 */
record Probe(String backend, String host, String device) implements Serializable {
    /** Asked of a running task. */
    static Probe here(BackendSource backends) throws UnknownHostException {
        Optional<String> device = TaskFunction.device(TaskContext.get());
        try (Backend backend = backends.open(device)) {
            return new Probe(backend.identity(), InetAddress.getLocalHost().getHostName(), device.orElse(null));
        }
    }
}
