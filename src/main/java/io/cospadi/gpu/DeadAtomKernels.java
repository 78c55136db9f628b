package io.cospadi.gpu;

/** Launches of {@code dead_atoms.cu}; matrices by address, row-major and dense. */
public final class DeadAtomKernels {
    private final Launcher launcher;

    public DeadAtomKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** Ints of scratch for k atoms: how many are unused and which, then the rows that they take. */
    public static long scratchInts(int k) {
        return 1 + 2L * k;
    }

    /**
     * Every atom that is not used takes the row of the target that is coded worst, worst first, and codes it alone.
     *
     * @param usage      (k) f32; an atom is unused where it is not greater than 0
     * @param rowErrors  (d2) f64
     * @param target     (d2, r) f32
     * @param codes      (d2, k) f32, updated
     * @param dictionary (k, r) f32, updated
     * @param previous   (k, r) f32, updated, or dictionary once more
     * @param replaced   one f64, raised by the atoms replaced
     * @param scratch    {@link #scratchInts} int32, overwritten
     */
    public void replaceUnused(
            long usage,
            long rowErrors,
            long target,
            long codes,
            long dictionary,
            long previous,
            long replaced,
            long scratch,
            int d2,
            int k,
            int r) {
        if (d2 == 0 || k == 0) {
            return;
        }
        long rows = scratch + (1L + k) * Integer.BYTES;
        launcher.launch("list_unused", LaunchGeometry.blocks(1, 0), usage, scratch, replaced, k, d2);
        launcher.launch(
                "worst_rows",
                LaunchGeometry.blocks((d2 - 1) / LaunchGeometry.THREADS + 1, 0),
                rowErrors,
                scratch,
                rows,
                d2);
        launcher.launch(
                "replace_atoms",
                LaunchGeometry.blocks(Math.min(d2, k), 0),
                scratch,
                rows,
                target,
                codes,
                dictionary,
                previous,
                k,
                r);
    }
}
