package io.cospadi.compression;

import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Problem;
import java.util.List;

/** Where the problems of a task come from. */
interface ProblemSource extends AutoCloseable {
    /**
     * The problems of one projection, or of a group's members. Their matrices are owned by this until the next call.
     *
     * @param members in the model's order
     */
    List<Problem> of(List<Projection> members);

    @Override
    void close();
}
