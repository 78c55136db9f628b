package io.cospadi.gpu;

import io.cospadi.tensor.DType;

/**
 * Launches of {@code indexing.cu}: rows, and elements of a column, by index. Matrices row-major and dense, by address; indices
 * int32 on the device where nothing else is said, every one a row of the matrix they index, those of a scatter distinct.
 */
public final class IndexingKernels {
    private final Launcher launcher;

    public IndexingKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * {@code out[i] <- x[index[i]]} for {@code count} rows.
     *
     * @param type F32 or F64, of x and of out
     */
    public void gatherRows(DType type, long x, long index, long out, int count, int cols) {
        rows(Typed.kernel("gather_rows", type), x, index, out, count, cols);
    }

    /**
     * {@code out[i] <- x[index[i]]} for {@code count} rows, exactly.
     *
     * @param type  of x, F32 or BF16; out is f32
     * @param index f64
     */
    public void embed(DType type, long x, long index, long out, int count, int cols) {
        rows(type == DType.BF16 ? "embed_bf16" : "embed_f32", x, index, out, count, cols);
    }

    /** {@code out[index[i]] <- x[i]} for {@code count} rows. */
    public void scatterRows(DType type, long x, long index, long out, int count, int cols) {
        rows(Typed.kernel("scatter_rows", type), x, index, out, count, cols);
    }

    private void rows(String kernel, long x, long index, long out, int count, int cols) {
        if (count > 0 && cols > 0) {
            launcher.launch(kernel, LaunchGeometry.warpsOfRows(count, cols), x, index, out, count, cols);
        }
    }

    /** {@code out[i] <- x[index[i], column]} for x of {@code cols} columns and {@code count} elements. */
    public void gatherColumn(DType type, long x, int cols, int column, long index, long out, int count) {
        if (count > 0) {
            launcher.launch(
                    Typed.kernel("gather_column", type),
                    LaunchGeometry.line(count),
                    x,
                    cols,
                    column,
                    index,
                    out,
                    count);
        }
    }

    /**
     * {@code out[i, atoms[i s + p]] <- x[i s + p]} for every row i and p below s; the rest of out (rows, k) is left.
     *
     * @param type of out; x is f32
     */
    public void scatterCodes(DType type, long x, long atoms, long out, int rows, int k, int s) {
        long count = (long) rows * s;
        if (count > 0) {
            launcher.launch(
                    Typed.kernel("scatter_codes", type), LaunchGeometry.line(count), x, atoms, out, k, s, count);
        }
    }

    /** {@code out[index[i], column] <- x[i]} for out of {@code cols} columns and {@code count} elements. */
    public void scatterColumn(DType type, long x, long index, long out, int cols, int column, int count) {
        if (count > 0) {
            launcher.launch(
                    Typed.kernel("scatter_column", type),
                    LaunchGeometry.line(count),
                    x,
                    index,
                    out,
                    cols,
                    column,
                    count);
        }
    }
}
