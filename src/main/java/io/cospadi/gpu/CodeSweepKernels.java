package io.cospadi.gpu;

/** Launches of {@code code_sweep.cu}: a Gauss–Seidel sweep over the codes of a few atoms. */
public final class CodeSweepKernels {
    /** Atoms of a sweep: a thread's support is a mask of as many bits. */
    public static final int MOST_ATOMS = 64;

    private static final int THREADS = 64;

    private final Launcher launcher;

    public CodeSweepKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * For j ascending {@code x[j,i] <- (x[j,i] − sum over l < j of gram[j,l] x[l,i]) / gram[j,j]} where support[j,i] is not 0 and
     * gram[j,j] > 0, else 0.
     *
     * @param gram    (atoms, atoms) f32, read only
     * @param support (atoms, n) f32, read only
     * @param changes x (atoms, n) f32, updated
     * @throws IllegalArgumentException if there are more than {@value #MOST_ATOMS} atoms
     */
    public void sweep(long gram, long support, long changes, int atoms, int n) {
        if (atoms > MOST_ATOMS) {
            throw new IllegalArgumentException("a sweep takes at most " + MOST_ATOMS + " atoms, not " + atoms);
        }
        if (atoms > 0 && n > 0) {
            int shared = Float.BYTES * atoms * (atoms + THREADS);
            launcher.launch(
                    "sweep_codes",
                    new LaunchGeometry((n - 1) / THREADS + 1, 1, THREADS, 1, shared),
                    gram,
                    support,
                    changes,
                    atoms,
                    n);
        }
    }
}
