package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Codes;
import org.junit.jupiter.api.Test;

/** The layout, written out by hand. */
class SlottedCodesTest {
    @Test
    void exampleOfTheSpecificationHolds() {
        SlottedCodes codes = new SlottedCodes(new Codes(1, 40, 2, new int[] {1, 37}, new float[] {1, -2}));
        short[] slots = new short[16];
        slots[0] = 0x3F82;
        slots[1] = (short) 0xC000;
        assertArrayEquals(slots, codes.slots());
        assertArrayEquals(new int[] {0x20}, codes.rest());
    }

    @Test
    void rowsFollowEachOther() {
        // 17 of 66 atoms in row 0, the last 17 in row 1; 32 slots carry 64 bits of mask, the last two stand apart
        int[] atoms = new int[34];
        float[] values = new float[34];
        for (int p = 0; p < 17; p++) {
            atoms[p] = p;
            atoms[17 + p] = 49 + p;
        }
        SlottedCodes codes = new SlottedCodes(new Codes(2, 66, 17, atoms, values));
        assertEquals(32, codes.stride());
        assertEquals(1, codes.restWords());
        short[] slots = new short[64];
        for (int p = 0; p < 8; p++) {
            slots[p] = 3;
        }
        slots[8] = 1;
        slots[32 + 24] = 2;
        for (int p = 25; p < 32; p++) {
            slots[32 + p] = 3;
        }
        assertArrayEquals(slots, codes.slots());
        assertArrayEquals(new int[] {0, 3}, codes.rest());
    }

    /** 1 + 2^-7 has 16 bits, the slots no room beside them. */
    @Test
    void valueOfSixteenBitsKeepsTheMaskApart() {
        SlottedCodes codes = new SlottedCodes(new Codes(2, 4, 1, new int[] {3, 0}, new float[] {1, 1 + 0x1p-7f}));
        assertEquals(0, codes.carriedWords());
        short[] slots = new short[32];
        slots[0] = 0x3F80;
        slots[16] = 0x3F81;
        assertArrayEquals(slots, codes.slots());
        assertArrayEquals(new int[] {8, 1}, codes.rest());
    }

    @Test
    void valueOfMoreThanSixteenBitsIsRefused() {
        Codes codes = new Codes(2, 4, 1, new int[] {0, 0}, new float[] {1, 1 + 0x1p-8f});
        assertThrows(IllegalArgumentException.class, () -> new SlottedCodes(codes));
    }
}
