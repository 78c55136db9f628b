package io.cospadi.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class LevelGridTest {
    @Test
    void everyPatternStandsForWhatThePageSays() {
        for (int bits = 3; bits <= 8; bits++) {
            for (int pattern = 0; pattern < 1 << bits; pattern++) {
                double exact = (pattern + 0.5 - Math.pow(2, bits - 1)) * 0.375;
                float value = LevelGrid.value(pattern, 0.375f, bits);
                assertEquals(Bfloat16.round((float) exact), value);
                assertEquals(exact, value, Math.abs(exact) * 0x1p-8, "bf16 rounds once, half an ulp");
                assertEquals(-value, LevelGrid.value((1 << bits) - 1 - pattern, 0.375f, bits), "symmetric");
                assertEquals(0f, LevelGrid.value(pattern, 0, bits));
            }
        }
    }

    @Property(tries = 500)
    void levelsAreTheirOwnNearestAndNoOtherIsNearer(@ForAll @IntRange(min = 3, max = 8) int bits, @ForAll long seed) {
        Random random = new Random(seed);
        float scale = Bfloat16.round((float) Math.exp(random.nextGaussian()));
        int pattern = random.nextInt(1 << bits);
        float level = LevelGrid.value(pattern, scale, bits);
        assertEquals(pattern, LevelGrid.nearest(level, scale, bits));
        double value = random.nextGaussian() * scale * (1 << bits - 1);
        double error = Math.abs(value - exact(LevelGrid.nearest(value, scale, bits), scale, bits));
        for (int other = 0; other < 1 << bits; other++) {
            assertTrue(error <= Math.abs(value - exact(other, scale, bits)));
        }
    }

    private static double exact(int pattern, float scale, int bits) {
        return (pattern + 0.5 - (1 << bits - 1)) * scale;
    }

    @Property(tries = 200)
    void scaleLosesNoMoreThanTheOneThatCoversAll(@ForAll @IntRange(min = 3, max = 8) int bits, @ForAll long seed) {
        Random random = new Random(seed);
        double[] values =
                random.doubles(2 + random.nextInt(60)).map(x -> Math.log(x)).toArray();
        double largest = 0;
        for (double value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        float covering = Bfloat16.round((float) (largest / (1 << bits - 1)));
        float scale = Bfloat16.toFloat(LevelGrid.scaleFor(values, 0, values.length, bits));
        assertTrue(lost(values, scale, bits) <= lost(values, covering, bits));
    }

    private static double lost(double[] values, float scale, int bits) {
        double lost = 0;
        for (double value : values) {
            double error = value - LevelGrid.round(value, scale, bits);
            lost += error * error;
        }
        return lost;
    }

    @Test
    void nothingButZerosHasTheScaleZero() {
        assertEquals(0, LevelGrid.scaleFor(new double[] {0, 0, 1e-30}, 0, 3, 4));
        assertEquals(0, LevelGrid.scaleFor(new double[0], 0, 0, 4));
        assertEquals(0, LevelGrid.nearest(3, 0, 4));
    }

    @Test
    void whatHasNoFiniteLevelHasNoScale() {
        for (double value : new double[] {Double.NaN, Double.NEGATIVE_INFINITY, 3e38}) {
            for (double[] values : new double[][] {{1, value}, {value, 1}}) {
                assertTrue(Float.isNaN(Bfloat16.toFloat(LevelGrid.scaleFor(values, 0, 2, 4))), "" + value);
            }
        }
    }
}
