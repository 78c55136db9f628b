package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.Optional;

/**
 * A dense row-major matrix in a backend's memory, f32 or f64; weights may be bf16, see {@link Storage#weightType}. Values are reached through the backend's verbs only.
 * Whoever allocates closes; closing twice is harmless; a view becomes invalid with its owner.
 */
public interface Matrix extends AutoCloseable {
    int rows();

    int cols();

    /** {@link DType#F32} or {@link DType#F64}; {@link DType#BF16} of a weight. */
    DType dtype();

    /**
     * Rows {@code from .. from+count-1} as a matrix that shares this one's memory; closing the view does nothing.
     *
     * @throws IndexOutOfBoundsException if the rows are not all inside
     */
    Matrix rows(int from, int count);

    /**
     * This matrix once more, for somebody else to close: the memory is freed when the last of those who share it closes. Empty if
     * that has happened; a closed matrix still shares what others hold.
     */
    Optional<Matrix> share();

    @Override
    void close();

    /** "(rows, cols) dtype", for messages. */
    default String shape() {
        return "(" + rows() + ", " + cols() + ") " + dtype();
    }
}
