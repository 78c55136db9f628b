package io.cospadi.budget;

import java.util.Arrays;

/**
 * How much the loss is predicted to rise, in nats a token, if one projection gives up a share of its bytes: measured at a few
 * ratios, log-linear between and beyond them, and 0 where the projection stays dense.
 */
public final class LossCurve {
    /** Stands for a loss too small to be told from none, so that its logarithm exists. */
    private static final double LEAST = 1e-30;

    private final double[] ratios;
    private final double[] logLosses;

    /**
     * @param ratios ascending, at least two
     * @param losses at these ratios, finite and not negative
     */
    public LossCurve(double[] ratios, double[] losses) {
        if (ratios.length < 2 || ratios.length != losses.length) {
            throw new IllegalArgumentException("a curve needs two points or more, got " + ratios.length + " ratios and "
                    + losses.length + " losses");
        }
        for (int i = 0; i < ratios.length; i++) {
            if (i > 0 && !(ratios[i] > ratios[i - 1])) {
                throw new IllegalArgumentException("ratios must ascend, got " + Arrays.toString(ratios));
            }
            if (!(losses[i] >= 0 && losses[i] < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("losses must be finite and not negative, got " + losses[i]);
            }
        }
        this.ratios = ratios.clone();
        this.logLosses = Arrays.stream(losses)
                .map(loss -> Math.log(Math.max(LEAST, loss)))
                .toArray();
    }

    private LossCurve() {
        ratios = new double[0];
        logLosses = new double[0];
    }

    /** Of a projection that must stay dense: an infinite loss at every ratio above 0. */
    public static LossCurve never() {
        return new LossCurve();
    }

    /** Predicted rise of the loss at a ratio; 0 at {@code ratio <= 0}. */
    public double at(double ratio) {
        if (ratio <= 0) {
            return 0;
        }
        if (ratios.length == 0) {
            return Double.POSITIVE_INFINITY;
        }
        int i = 1;
        while (i < ratios.length - 1 && ratio > ratios[i]) {
            i++;
        }
        double share = (ratio - ratios[i - 1]) / (ratios[i] - ratios[i - 1]);
        return Math.exp(logLosses[i - 1] + share * (logLosses[i] - logLosses[i - 1]));
    }
}
