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
     * @param next    members of the call behind this, as far as they are known
     */
    List<Problem> of(List<Projection> members, List<Projection> next);

    /**
     * Loads what is asked for next while a device still computes with the problems in hand, if it has room to spare for that;
     * it fails, if it has to, when it is asked for.
     *
     * @param room bytes that have to stay free for the work in hand: all that is foretold of it, for it may be done once more
     */
    void loadNext(long room);

    @Override
    void close();
}
