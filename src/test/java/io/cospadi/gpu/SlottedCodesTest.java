package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.gpu.SlottedCodes.Pattern;
import io.cospadi.tensor.Codes;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The layout, written out by hand, and read back by its specification alone. */
class SlottedCodesTest {
    private final Random random = new Random(7);

    /** What the specification says stands in row i of the layout, zeros included. */
    private static float[] row(SlottedCodes codes, int i) {
        float[] dense = new float[codes.k()];
        int atom = 0;
        for (int unit = 0; unit < codes.units(); unit++) {
            int tile = i / 32;
            int at = ((tile * codes.units() + unit) * 32 + i % 32) * 4;
            for (int part = 0; part < 16 && codes.starts().length > 0; part++) {
                if (part * codes.units() / 16 == unit) {
                    assertEquals(
                            atom, codes.starts()[(tile * 16 + part) * 32 + i % 32] & 0xFFFF, "start of part " + part);
                }
            }
            int mask = 0;
            for (int slot = 0; slot < 8; slot++) {
                int word = codes.words()[at + slot / 2];
                mask |= (slot % 2 == 0 ? word >>> 14 & 3 : word >>> 16 & 3) << 2 * slot;
            }
            for (int slot = 0; slot < (codes.pattern() == Pattern.WIDE ? 4 : 8); slot++) {
                int word = codes.words()[at + (codes.pattern() == Pattern.WIDE ? slot : slot / 2)];
                int bits = slot % 2 == 0 ? word << 18 : word & 0xFFFC0000;
                int place = mask >>> 2 * slot & 3;
                switch (codes.pattern()) {
                    case GAPS -> atom += place;
                    case WIDE -> {
                        atom += word & 0xFFFF;
                        bits = word & 0xFFFF0000;
                    }
                    case TWO_OF_FOUR -> atom = 16 * unit + slot / 2 * 4 + place;
                    case EIGHT_OF_SIXTEEN -> {
                        int rest = mask;
                        for (int below = 0; below < slot; below++) {
                            rest &= rest - 1;
                        }
                        atom = 16 * unit + Integer.numberOfTrailingZeros(rest);
                    }
                }
                assertTrue(atom < codes.reach(), "slot on place " + atom + " of " + codes.reach());
                if (bits != 0) {
                    dense[atom] = Float.intBitsToFloat(bits);
                }
                atom++;
            }
        }
        return dense;
    }

    private static void assertHolds(Codes codes, SlottedCodes slotted) {
        assertEquals(
                (long) Integer.BYTES * slotted.words().length, slotted.shape().wordBytes());
        assertEquals(slotted.shape().grouped(), slotted.starts().length == 0);
        for (int i = 0; i < codes.rows(); i++) {
            float[] expected = new float[codes.k()];
            for (int p = i * codes.s(); p < (i + 1) * codes.s(); p++) {
                expected[codes.atoms()[p]] = codes.values()[p];
            }
            assertArrayEquals(expected, row(slotted, i), "row " + i);
        }
        assertEquals(slotted.tiles() * slotted.units() * 128, slotted.words().length);
    }

    private float value(int bits) {
        return Float.intBitsToFloat(Float.floatToRawIntBits((float) random.nextGaussian()) & -1 << 32 - bits);
    }

    private Codes codes(int rows, int k, int stored, int group, int bits) {
        return PlainCodes.random(random, rows, k, stored, group, bits);
    }

    @Test
    void exampleOfTheSpecificationHolds() {
        Codes codes = new Codes(1, 40, 3, new int[] {1, 4, 13}, new float[] {1, -2, 0.5f});
        SlottedCodes slotted = new SlottedCodes(codes);
        assertEquals(Pattern.GAPS, slotted.pattern());
        int[] unit = Arrays.copyOf(slotted.words(), 4);
        assertArrayEquals(new int[] {0xC0024FE0, 0x0003C000, 0x00000FC0, 0}, unit);
        assertHolds(codes, slotted);
    }

    /** Short and long gaps; rows on and off a tile's edge; fewer units than parts and more. */
    @ParameterizedTest
    @CsvSource({"1,1,1", "31,7,2", "33,64,32", "40,300,4", "32,1000,998", "5,5000,3", "70,520,260"})
    void anyMaskIsHeldExactly(int rows, int k, int s) {
        Codes codes = codes(rows, k, s, k, 14);
        SlottedCodes slotted = new SlottedCodes(codes);
        assertEquals(Pattern.GAPS, slotted.pattern());
        assertHolds(codes, slotted);
    }

    @ParameterizedTest
    @CsvSource({"1,16", "33,160", "70,1040"})
    void groupsAreHeldInTheirPattern(int rows, int k) {
        Codes eight = codes(rows, k, 8, 16, 14);
        SlottedCodes slotted = new SlottedCodes(eight);
        assertEquals(Pattern.EIGHT_OF_SIXTEEN, slotted.pattern());
        assertHolds(eight, slotted);
        Codes two = codes(rows, k + 4, 2, 4, 14);
        slotted = new SlottedCodes(two);
        assertEquals(Pattern.TWO_OF_FOUR, slotted.pattern());
        assertHolds(two, slotted);
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "33,64,32", "3,60000,2", "70,520,260"})
    void valuesOf16BitsAreHeldExactly(int rows, int k, int s) {
        Codes codes = codes(rows, k, s, k, 16);
        codes.values()[0] = 1 + 0x1p-7f;
        SlottedCodes slotted = new SlottedCodes(codes);
        assertEquals(Pattern.WIDE, slotted.pattern());
        assertHolds(codes, slotted);
    }

    @Test
    void aRandomMaskTakesLittleMoreThan16BitsANonzero() {
        Codes codes = codes(2048, 1024, 512, 1024, 14);
        double slots = 2.0 * new SlottedCodes(codes).words().length / codes.values().length;
        assertTrue(slots < 1.12, slots + " slots a nonzero");
    }

    @Test
    void whatDoesNotFitIsRefused() {
        Codes fine = new Codes(2, 4, 1, new int[] {0, 0}, new float[] {1, 1 + 0x1p-8f});
        IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, () -> new SlottedCodes(fine));
        assertTrue(refused.getMessage().contains("16 bits"), refused.getMessage());
        Codes far = new Codes(1, 70_000, 1, new int[] {69_999}, new float[] {1});
        refused = assertThrows(IllegalArgumentException.class, () -> new SlottedCodes(far));
        assertTrue(refused.getMessage().contains("70000"), refused.getMessage());
    }
}
