package io.cospadi.gpu;

/** Launches of {@code embedding.cu}: {@code out[i] <- table[index[i]]}, rows of f32. */
public final class EmbeddingKernels {
    private final Launcher launcher;

    public EmbeddingKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Gathers rows of an f32 table.
     *
     * @param index (count) int32, every one a row of the table
     * @param out   (count, cols) f32, overwritten
     */
    public void gatherRows(long table, long index, long out, int count, int cols) {
        launch("gather_rows", table, index, out, count, cols);
    }

    /** As {@link #gatherRows}, from a table of bf16 patterns. */
    public void gatherRowsBf16(long table, long index, long out, int count, int cols) {
        launch("gather_rows_bf16", table, index, out, count, cols);
    }

    private void launch(String kernel, long table, long index, long out, int count, int cols) {
        if (count > 0 && cols > 0) {
            launcher.launch(kernel, LaunchGeometry.blocks(count, 0), table, index, out, cols);
        }
    }
}
