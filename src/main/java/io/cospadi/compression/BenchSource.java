package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import java.util.Optional;

/** What {@link FactorizationBench} factors. */
public interface BenchSource extends AutoCloseable {
    ModelConfig config();

    /** W (d2, d1) F32; the caller closes it. */
    Matrix weight(Projection projection, Backend backend);

    /** The Gram of the projection's inputs; the caller closes it. */
    TimedGram gram(Projection projection, Backend backend);

    /** Operations of summing that Gram up; 0 where it is there already. */
    double gramFlops(Projection projection);

    /** Bytes that are held meanwhile. */
    long gramMemory(Projection projection);

    /** The Gram of text that no fit has seen, where there is one. */
    default Optional<Matrix> unseenGram(Projection projection, Backend backend) {
        return Optional.empty();
    }

    /**
     * A Gram.
     *
     * @param gram    (d1, d1) F64
     * @param seconds that summing it up took; 0 if that was not done for this one
     */
    record TimedGram(Matrix gram, double seconds) implements AutoCloseable {
        @Override
        public void close() {
            gram.close();
        }
    }

    @Override
    void close();
}
