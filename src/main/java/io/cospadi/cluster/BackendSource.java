package io.cospadi.cluster;

import io.cospadi.backend.Backend;
import java.io.Serializable;
import java.util.Optional;

/** Opens what a task computes with, in the process that carries it out. */
public interface BackendSource extends Serializable {
    /**
     * A backend for one task; the caller closes it.
     *
     * @param device address of the GPU that Spark has set apart for the task, where it has
     * @throws io.cospadi.tensor.CospadiException if what was asked for is not there
     */
    Backend open(Optional<String> device);
}
