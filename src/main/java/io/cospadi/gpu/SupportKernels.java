package io.cospadi.gpu;

/**
 * Launches of {@code support.cu}: for every atom the rows that use it, first {@link #locate}, then {@link #list}, into room for
 * {@code start[k]} rows, the number of nonzeros, or for as many as there can be; and what of each row is stored.
 */
public final class SupportKernels {
    /** Rows that one block counts. */
    private static final int CHUNK = 64;

    /** Rows that a grid covers. */
    public static final int MOST_ROWS = 65535 * CHUNK;

    private final Launcher launcher;

    public SupportKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** Int32 elements of scratch for codes (rows, k). */
    public static long scratchInts(int rows, int k) {
        return (long) chunks(rows) * k;
    }

    /**
     * Where each atom's list begins.
     *
     * @param codes   (rows, k) f32, read only; neither is 0
     * @param scratch {@link #scratchInts} int32, which {@link #list} needs as they are afterwards
     * @param start   (k + 1) int64, overwritten: the exclusive prefix sum of the atoms' uses, all of them last
     * @param room    rows that {@link #list} will have room for; no list begins or ends behind
     * @throws IllegalArgumentException if rows or k is 0, or rows more than {@link #MOST_ROWS}
     */
    public void locate(long codes, int rows, int k, long scratch, long start, long room) {
        requireLimits(rows, k);
        launcher.launch("count_support", chunkGrid(rows, k), codes, scratch, rows, k);
        launcher.launch("place_chunks", LaunchGeometry.line(k), scratch, start, chunks(rows), k);
        launcher.launch("place_columns", LaunchGeometry.blocks(1, 0), start, room, k);
    }

    /**
     * The rows that use each atom, ascending.
     *
     * @param scratch from {@link #locate}, read only
     * @param start   from {@link #locate}, read only
     * @param list    (room) int32, overwritten: atom j's rows from start[j] to start[j + 1]
     * @param room    rows there is room for; what would lie behind is left out
     */
    public void list(long codes, int rows, int k, long scratch, long start, long list, long room) {
        requireLimits(rows, k);
        launcher.launch("list_support", chunkGrid(rows, k), codes, scratch, start, list, room, rows, k);
    }

    /**
     * Where codes are stored: where they are not 0, and at the lowest others of a group that has fewer than it keeps.
     *
     * @param codes (rows, k) f32, read only
     * @param marks (rows, k) f32, overwritten with 0 and 1
     * @param group columns of a group, of which k is a multiple
     */
    public void markStored(long codes, long marks, int rows, int k, int kept, int group) {
        if (rows > 0 && k > 0) {
            launcher.launch("mark_stored", LaunchGeometry.line(32L * rows), codes, marks, rows, k, kept, group);
        }
    }

    private static LaunchGeometry chunkGrid(int rows, int k) {
        int across = (k - 1) / LaunchGeometry.THREADS + 1;
        return new LaunchGeometry(across, chunks(rows), LaunchGeometry.THREADS, 1, 0);
    }

    private static int chunks(int rows) {
        return (rows - 1) / CHUNK + 1;
    }

    private static void requireLimits(int rows, int k) {
        if (rows < 1 || rows > MOST_ROWS || k < 1) {
            throw new IllegalArgumentException(
                    "need 1 to " + MOST_ROWS + " rows of 1 or more columns, got (" + rows + ", " + k + ")");
        }
    }
}
