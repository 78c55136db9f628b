package io.cospadi.gpu;

/** Launches of {@code nucleus.cu}. */
public final class NucleusKernels {
    private static final int THREADS = 1024;

    private final Launcher launcher;

    public NucleusKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * All but the most likely columns of each row that hold {@code share} of its mass become -infinity.
     *
     * @param logProbabilities (rows, cols) f32, as {@link SoftmaxKernels#logSoftmax} leaves them, updated
     * @param share            above 0, at most 1
     */
    public void keepNucleus(long logProbabilities, double share, int rows, int cols) {
        if (rows > 0) {
            launcher.launch("keep_nucleus", new LaunchGeometry(rows, 1, THREADS, 1, 0), logProbabilities, share, cols);
        }
    }
}
