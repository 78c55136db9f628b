package io.cospadi.gpu;

/** Launches of {@code atoms.cu}; matrices by address, f32. */
public final class AtomKernels {
    private final Launcher launcher;

    public AtomKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Scales every atom to unit norm, and the same row of another dictionary by as much; an atom of 0 gives rows of 0.
     *
     * @param dictionary (k, r), updated
     * @param previous   (k, r), updated
     * @param norms      (k), receives what the atoms' norms were
     */
    public void normalize(long dictionary, long previous, long norms, int k, int r) {
        if (k > 0) {
            launcher.launch("normalize_atoms", LaunchGeometry.blocks(k, 0), dictionary, previous, norms, r);
        }
    }

    /** {@code out <- (1 + t) x − t y}; out may be x or y. */
    public void extrapolate(double t, long x, long y, long out, long count) {
        if (count > 0) {
            launcher.launch("extrapolate", LaunchGeometry.line(count), x, y, out, (float) (1 + t), (float) t, count);
        }
    }
}
