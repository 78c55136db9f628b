package io.cospadi.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.TopBits;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class CodePackingTest {
    @Test
    void goldenBytesOfTheDocumentedExample() {
        Codes codes = new Codes(1, 10, 3, new int[] {0, 3, 9}, new float[] {1.0f, -2.0f, 0.15625f});
        PackedCodes packed = CodePacking.pack(codes);
        assertArrayEquals(new byte[] {0x09, 0x02}, packed.mask());
        assertArrayEquals(new byte[] {(byte) 0xE0, 0x0F, 0x00, (byte) 0x8C, (byte) 0xF8, 0x00}, packed.values());
    }

    @Test
    void goldenBytesOfSixteenBits() {
        // bf16 of 1.0 is 3F80, of -2.0 C000, of 0.15625 3E20
        Codes codes = new Codes(1, 10, 3, new int[] {0, 3, 9}, new float[] {1.0f, -2.0f, 0.15625f});
        byte[] expected = {(byte) 0x80, 0x3F, 0x00, (byte) 0xC0, 0x20, 0x3E};
        assertArrayEquals(expected, CodePacking.pack(codes, 16).values());
    }

    @Test
    void everyRowStartsOnItsOwnByte() {
        Codes codes = new Codes(2, 9, 1, new int[] {8, 0}, new float[] {1.0f, -1.0f});
        PackedCodes packed = CodePacking.pack(codes);
        assertArrayEquals(new byte[] {0, 1, 1, 0}, packed.mask());
        // 1.0 is 0FE0, -1.0 is 2FE0, two bytes each
        assertArrayEquals(new byte[] {(byte) 0xE0, 0x0F, (byte) 0xE0, 0x2F}, packed.values());
    }

    /** The stream as one big integer, built independently of the packer's accumulator. */
    @Property(tries = 300)
    void packedValuesAreTheDocumentedBitStream(
            @ForAll @IntRange(min = 1, max = 70) int k,
            @ForAll @IntRange(min = 0, max = 3) int rows,
            @ForAll long seed) {
        Random random = new Random(seed);
        int s = 1 + random.nextInt(k);
        Codes codes = randomCodes(random, rows, k, s);
        PackedCodes packed = CodePacking.pack(codes);
        int rowBytes = (14 * s + 7) / 8;
        for (int row = 0; row < rows; row++) {
            BigInteger stream = BigInteger.ZERO;
            BigInteger mask = BigInteger.ZERO;
            for (int i = 0; i < s; i++) {
                int pattern = Float.floatToRawIntBits(codes.values()[row * s + i]) >>> 18;
                stream = stream.or(BigInteger.valueOf(pattern).shiftLeft(14 * i));
                mask = mask.setBit(codes.atoms()[row * s + i]);
            }
            for (int b = 0; b < rowBytes; b++) {
                assertEquals(stream.shiftRight(8 * b).byteValue(), packed.values()[row * rowBytes + b]);
            }
            int maskRow = (k + 7) / 8;
            for (int b = 0; b < maskRow; b++) {
                assertEquals(mask.shiftRight(8 * b).byteValue(), packed.mask()[row * maskRow + b]);
            }
        }
    }

    @Property(tries = 300)
    void unpackingRestoresEveryBit(
            @ForAll @IntRange(min = 1, max = 300) int k,
            @ForAll @IntRange(min = 0, max = 4) int rows,
            @ForAll long seed) {
        Random random = new Random(seed);
        Codes codes = randomCodes(random, rows, k, 1 + random.nextInt(k));
        for (int valueBits : new int[] {14, 16}) {
            Codes back = CodePacking.unpack(CodePacking.pack(codes, valueBits));
            assertArrayEquals(codes.atoms(), back.atoms());
            for (int i = 0; i < codes.values().length; i++) { // by pattern: -0 stays -0
                assertEquals(Float.floatToRawIntBits(codes.values()[i]), Float.floatToRawIntBits(back.values()[i]));
            }
        }
    }

    @Test
    void packingNeverRounds() {
        Codes codes = new Codes(1, 1, 1, new int[] {0}, new float[] {0x1.02p0f});
        assertThrows(IllegalArgumentException.class, () -> CodePacking.pack(codes));
        assertEquals(0x1.02p0f, CodePacking.unpack(CodePacking.pack(codes, 16)).values()[0]);
    }

    @Test
    void malformedRowsAreNamed() {
        assertDefect("row 1 has 2 mask bits, expected exactly 1", 9, 1, new byte[] {1, 0, 1, 1}, new byte[4]);
        assertDefect("row 0 has 0 mask bits, expected exactly 1", 9, 1, new byte[] {0, 0, 1, 0}, new byte[4]);
        assertDefect("row 1 has mask bit 9 set", 9, 1, new byte[] {1, 0, 0, 2}, new byte[4]);
        assertDefect("row 1 has padding bits set", 9, 1, new byte[] {1, 0, 1, 0}, new byte[] {0, 0, 0, 0x40});
        // exponent all ones: 14 bits 1FE0
        assertDefect(
                "row 0 has value 0 is Infinity", 9, 1, new byte[] {1, 0, 1, 0}, new byte[] {(byte) 0xE0, 0x1F, 0, 0});
    }

    private static void assertDefect(String expected, int k, int s, byte[] mask, byte[] values) {
        String message = assertThrows(
                        MalformedRowException.class,
                        () -> CodePacking.unpack(
                                2,
                                k,
                                s,
                                Precision.DEFAULT,
                                ByteBuffer.wrap(mask),
                                ByteBuffer.wrap(values),
                                new short[0]))
                .getMessage();
        assertTrue(message.startsWith(expected), message);
    }

    private static Codes randomCodes(Random random, int rows, int k, int s) {
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        for (int row = 0; row < rows; row++) {
            int[] chosen = random.ints(0, k).distinct().limit(s).sorted().toArray();
            System.arraycopy(chosen, 0, atoms, row * s, s);
            for (int i = 0; i < s; i++) {
                float value = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(250) - 125));
                values[row * s + i] = TopBits.round(Bfloat16.round(value), 14);
            }
        }
        return new Codes(rows, k, s, atoms, values);
    }
}
