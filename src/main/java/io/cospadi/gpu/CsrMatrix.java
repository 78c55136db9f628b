package io.cospadi.gpu;

/**
 * A matrix in compressed sparse rows in a device's memory.
 *
 * @param rows     output features
 * @param cols     of the matrix
 * @param nonzeros stored entries
 * @param offsets  where rows + 1 ints lie: the entries of row i are offsets[i] up to offsets[i + 1]
 * @param columns  where the entries' columns lie, ints, ascending within a row
 * @param values   where the entries lie, bf16
 */
public record CsrMatrix(int rows, int cols, long nonzeros, long offsets, long columns, long values) {
    /** "(rows, cols) with n nonzeros". */
    public String shape() {
        return "(" + rows + ", " + cols + ") with " + nonzeros + " nonzeros";
    }
}
