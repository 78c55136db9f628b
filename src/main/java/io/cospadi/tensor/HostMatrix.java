package io.cospadi.tensor;

/**
 * A dense f32 matrix in host memory, row-major: element (i, j) is {@code data[i * cols + j]}.
 *
 * @param rows number of rows, 0 or more
 * @param cols number of columns, 0 or more
 * @param data exactly {@code rows * cols} values; shared, not copied
 */
public record HostMatrix(int rows, int cols, float[] data) {
    public HostMatrix {
        if (rows < 0 || cols < 0 || (long) rows * cols != data.length) {
            throw new IllegalArgumentException(
                    "a " + rows + " x " + cols + " matrix needs " + (long) rows * cols + " values, got " + data.length);
        }
    }

    /** A zero matrix. */
    public HostMatrix(int rows, int cols) {
        this(rows, cols, new float[Math.multiplyExact(rows, cols)]);
    }

    /** Element in row i, column j. */
    public float at(int i, int j) {
        return data[i * cols + j];
    }
}
