package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;

/**
 * The weights of one model, wherever they are stored and however its projections are represented; nothing is read before
 * it is asked for, and nothing is kept. Dense and compact folders look alike through this interface.
 */
public interface ModelWeights extends AutoCloseable {
    /** Architecture and sizes. */
    ModelConfig config();

    /** Whether the model has the tensor {@code name} (with its {@code .weight} or {@code .bias}). */
    boolean has(String name);

    /**
     * An F32 copy of a whole stored tensor, (1, n) for a vector; the caller closes it.
     *
     * @throws io.cospadi.tensor.CospadiException if it is missing, or holds NaN or infinity; names file and tensor
     */
    Matrix tensor(String name, Backend backend);

    /**
     * A whole stored tensor as a factor of products, in the type that the backend keeps weights in where the
     * storage knows of one, else F32; the caller closes it.
     *
     * @throws io.cospadi.tensor.CospadiException as {@link #tensor}
     */
    default Matrix weight(String name, Backend backend) {
        return tensor(name, backend);
    }

    /**
     * {@code out[i] <- row rows[i]} of a stored two-dimensional tensor, as F32. This is how embeddings are looked up without
     * the table in memory.
     *
     * @param out (rows.length, columns of the tensor) F32, overwritten
     * @throws io.cospadi.tensor.CospadiException as {@link #tensor}, of the rows that are read
     */
    void gatherRows(String name, int[] rows, Matrix out, Backend backend);

    /** The projection, with its bias where the model has one, ready to be applied; the caller closes it. */
    Linear projection(Projection projection, Backend backend);

    @Override
    void close();
}
