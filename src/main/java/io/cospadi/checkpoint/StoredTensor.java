package io.cospadi.checkpoint;

import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Where one tensor lies: bytes {@code begin .. end-1} of {@code file}, little-endian, row-major. A vector counts as one
 * row; of a tensor with more than two dimensions the first is the row.
 *
 * @param shape shared, not copied; its product times the element's bytes is {@code end - begin}
 * @param begin offset from the start of the file, not of the data section
 */
public record StoredTensor(String name, DType dtype, long[] shape, Path file, long begin, long end) {
    /** Rows as a matrix. */
    public int rows() {
        return shape.length < 2 ? 1 : dimension(shape[0]);
    }

    /** Columns as a matrix. */
    public int cols() {
        long cols = 1;
        for (int i = shape.length < 2 ? 0 : 1; i < shape.length; i++) {
            cols = Math.multiplyExact(cols, shape[i]);
        }
        return dimension(cols);
    }

    /** Bytes stored. */
    public long bytes() {
        return end - begin;
    }

    /** Elements stored. */
    public long elements() {
        return bytes() / dtype.bytes();
    }

    /** "[576, 1536] BF16", for messages. */
    public String describe() {
        return Arrays.toString(shape) + " " + dtype;
    }

    boolean hasShape(long... expected) {
        return Arrays.equals(shape, expected);
    }

    private int dimension(long size) {
        if (size > Integer.MAX_VALUE) {
            throw new CospadiException(file + ": tensor " + name + " has a dimension of " + size + ", expected at most "
                    + Integer.MAX_VALUE + "; it can't be read as a matrix");
        }
        return (int) size;
    }
}
