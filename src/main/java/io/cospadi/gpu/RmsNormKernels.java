package io.cospadi.gpu;

/** Launches of {@code rms_norm.cu}. */
public final class RmsNormKernels {
    private static final int LONG_GROUP = 2048;
    private static final int LONG_THREADS = 1024;

    private final Launcher launcher;

    public RmsNormKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Normalises groups of neighbouring elements.
     *
     * @param x      (groups, group) f32, read only
     * @param weight (group) f32, read only
     * @param out    as x; may be x
     */
    public void rmsNorm(long x, long weight, double eps, long out, int groups, int group) {
        if (groups > 0 && group > 0) {
            int threads = group >= LONG_GROUP ? LONG_THREADS : LaunchGeometry.THREADS;
            launcher.launch("rms_norm", new LaunchGeometry(groups, 1, threads, 1, 0), x, weight, out, group, eps);
        }
    }
}
