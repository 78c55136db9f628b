package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class FastExpTest {
    private static final int BATCH = 1 << 12;

    /** Every 251st float of the range, from both signs: 8 million of 2.2 billion, all exponents among them. */
    @Test
    void relativeErrorIsBelowOneRounding() {
        float[] x = new float[BATCH];
        float[] y = new float[BATCH];
        float[] powers = new float[BATCH];
        double worst = 0;
        float where = 0;
        for (int sign = 0; sign < 2; sign++) {
            float end = sign == 0 ? FastExp.HIGHEST : -FastExp.LOWEST;
            int last = Float.floatToRawIntBits(end);
            for (int bits = 0; bits < last; ) {
                int count = 0;
                for (; count < BATCH && bits < last; bits += 251) {
                    x[count++] = Float.intBitsToFloat(bits | sign << 31);
                }
                System.arraycopy(x, 0, y, 0, count);
                FastExp.each(y, 0, count, powers);
                for (int i = 0; i < count; i++) {
                    double error = Math.abs(y[i] / Math.exp(x[i]) - 1);
                    if (!(error <= worst)) {
                        worst = error;
                        where = x[i];
                    }
                }
            }
        }
        assertTrue(worst <= 1.2e-7, "relative error " + worst + " at " + where + ", allowed 1.2e-7");
    }

    @Test
    void argumentsOutsideTheRangeAreTakenForItsEnds() {
        float[] x = {-88, Float.NEGATIVE_INFINITY, 90, Float.POSITIVE_INFINITY, Float.NaN, 0, -0f};
        FastExp.each(x, 0, x.length, new float[x.length]);
        assertEquals(Math.exp(FastExp.LOWEST), x[0], 1e-44);
        assertEquals(x[0], x[1]);
        assertEquals(Math.exp(FastExp.HIGHEST), x[2], 1e32);
        assertEquals(x[2], x[3]);
        assertTrue(Float.isNaN(x[4]));
        assertEquals(1, x[5]);
        assertEquals(1, x[6]);
    }

    @Test
    void onlyTheRangeIsTouchedAndSummed() {
        for (int count = 1; count < 11; count++) {
            float[] x = new float[14];
            double expected = 0;
            for (int i = 0; i < x.length; i++) {
                x[i] = (i * 7 % 5) - 2;
                expected += i >= 2 && i < 2 + count ? Math.exp(x[i] - 1) : 0;
            }
            float[] before = x.clone();
            assertEquals(expected, FastExp.eachBelow(1, x, 2, 2 + count, new float[14]), 1e-6 * expected);
            for (int i = 0; i < x.length; i++) {
                assertEquals(i >= 2 && i < 2 + count ? (float) Math.exp(before[i] - 1) : before[i], x[i], 1e-6);
            }
        }
    }

    @Test
    void maximumIsFoundWhereverItStands() {
        for (int at = 1; at < 12; at++) {
            float[] x = new float[13];
            x[0] = 9;
            x[12] = 9;
            x[at] = 3;
            assertEquals(3, FastExp.max(x, 1, 12));
        }
    }
}
