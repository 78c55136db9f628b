package io.cospadi.backend;

/**
 * The most likely columns of a row that hold a share of its mass. Masses are whole numbers, so that no order of adding them up
 * shows; the last column of the nucleus is found eight bits of its rank at a time, by the masses of those above.
 */
final class Nucleus {
    private static final int BINS = 256;
    private static final double UNITS = 0x1p50;

    private final Workers workers;

    Nucleus(Workers workers) {
        this.workers = workers;
    }

    /** As {@link DecoderVerbs#keepNucleus}. */
    void keep(NativeMatrix logProbabilities, double share) {
        int cols = logProbabilities.cols();
        Reductions.rows(workers, logProbabilities.rows(), cols, (row, scratch) -> {
            float[] x = scratch.floats(0, cols);
            float[] p = scratch.floats(1, cols);
            logProbabilities.get((long) row * cols, x, cols);
            System.arraycopy(x, 0, p, 0, cols);
            FastExp.each(p, 0, cols, scratch.floats(2, cols));
            keep(x, p, cols, share);
            logProbabilities.put((long) row * cols, x, cols);
        });
    }

    private static void keep(float[] x, float[] p, int cols, double share) {
        long total = 0;
        for (int j = 0; j < cols; j++) {
            total += mass(p[j]);
        }
        if (total == 0) {
            return; // nothing to choose by
        }
        long wanted = Math.min(total, Math.max(1, (long) Math.ceil(share * total)));
        int least = 0;
        for (int shift = 24; shift >= 0; shift -= 8) {
            long[] masses = new long[BINS];
            for (int j = 0; j < cols; j++) {
                int rank = rank(x[j]);
                if (shift == 24 || rank >>> shift + 8 == least >>> shift + 8) {
                    masses[rank >>> shift & BINS - 1] += mass(p[j]);
                }
            }
            int bin = BINS - 1;
            while (masses[bin] < wanted) {
                wanted -= masses[bin--];
            }
            least |= bin << shift;
        }
        for (int j = 0; j < cols; j++) {
            int order = Integer.compareUnsigned(rank(x[j]), least);
            boolean kept = order > 0 || order == 0 && wanted > 0;
            if (order == 0) {
                wanted -= mass(p[j]);
            }
            if (!kept) {
                x[j] = Float.NEGATIVE_INFINITY;
            }
        }
    }

    private static long mass(float probability) {
        return (long) (probability * UNITS); // 0 for NaN
    }

    /** Grows with x, unsigned; NaN before all numbers. */
    private static int rank(float x) {
        if (Float.isNaN(x)) {
            return 0;
        }
        int bits = Float.floatToRawIntBits(x);
        return bits < 0 ? ~bits : bits | 0x80000000;
    }
}
