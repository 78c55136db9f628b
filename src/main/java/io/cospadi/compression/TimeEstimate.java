package io.cospadi.compression;

/**
 * How long a job takes, and why one thinks so.
 *
 * @param calibrationFlops counted operations of the forward passes and Grams; 0 where Grams are at hand
 * @param propagationFlops counted operations of the passes through the model while it is compressed; 0 where nothing propagates
 * @param factorizationFlops counted operations of all factorisations
 * @param flopsPerSecond   the rate that all are divided by
 * @param basis            where the rate comes from, for people
 */
public record TimeEstimate(
        double calibrationFlops,
        double propagationFlops,
        double factorizationFlops,
        double flopsPerSecond,
        String basis) {
    /** Single-precision operations that a core is taken to do in a second where nothing was measured. */
    static final double ASSUMED_PER_THREAD = 25e9;

    /** Seconds of calibration. */
    public double calibrationSeconds() {
        return calibrationFlops / flopsPerSecond;
    }

    /** Seconds of the passes through the model while it is compressed. */
    public double propagationSeconds() {
        return propagationFlops / flopsPerSecond;
    }

    /** Seconds of all factorisations. */
    public double factorizationSeconds() {
        return factorizationFlops / flopsPerSecond;
    }

    /** Counted operations in all. */
    public double flops() {
        return calibrationFlops + propagationFlops + factorizationFlops;
    }

    /** Seconds in all. */
    public double seconds() {
        return flops() / flopsPerSecond;
    }

    /** An assumed rate for so many threads. */
    static TimeEstimate assumed(
            double calibrationFlops, double propagationFlops, double factorizationFlops, int threads) {
        return new TimeEstimate(
                calibrationFlops,
                propagationFlops,
                factorizationFlops,
                threads * ASSUMED_PER_THREAD,
                String.format(
                        java.util.Locale.ROOT,
                        "an assumed %.0f GFLOP/s a thread on %d threads",
                        ASSUMED_PER_THREAD / 1e9,
                        threads));
    }

    /** A measured rate. */
    static TimeEstimate measured(
            double calibrationFlops,
            double propagationFlops,
            double factorizationFlops,
            double flopsPerSecond,
            int threads) {
        return new TimeEstimate(
                calibrationFlops,
                propagationFlops,
                factorizationFlops,
                flopsPerSecond,
                String.format(
                        java.util.Locale.ROOT,
                        "%.0f GFLOP/s, measured now by a matrix product on %d threads",
                        flopsPerSecond / 1e9,
                        threads));
    }
}
