package io.cospadi.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.LevelGrid;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class LevelPackingTest {
    @Test
    void goldenBytesOfTheDocumentedExample() {
        short[] values = patterns(1.5f, -0.5f, 7.5f);
        short[] scales = patterns(1, 1);
        assertArrayEquals(new byte[] {0x79, 0x0F}, LevelPacking.pack(values, scales, 3, 4, 2));
        assertArrayEquals(
                new byte[] {(byte) 0x80, 0x3F, (byte) 0x80, 0x3F}, bytes(scales).array());
    }

    @Test
    void goldenBytesOfThreeBits() {
        // levels of scale 0.5 are -1.75 to 1.75 in steps of 0.5: patterns 7, 0, 4; 111 000 100 from the lowest bit is
        // 07 01
        short[] values = patterns(1.75f, -1.75f, 0.25f);
        assertArrayEquals(new byte[] {0x07, 0x01}, LevelPacking.pack(values, patterns(0.5f), 3, 3, 0));
    }

    @Test
    void goldenBytesOfEightBitCodes() {
        // -63.75 is pattern 0, 0.25 is 128, 63.75 is 255, one byte each; the scale 0.5 is 3F00
        Codes codes = new Codes(1, 10, 3, new int[] {0, 3, 9}, new float[] {-63.75f, 0.25f, 63.75f});
        PackedCodes packed = CodePacking.pack(codes, Precision.ofValues(8), patterns(0.5f));
        assertArrayEquals(new byte[] {0x09, 0x02}, packed.mask());
        assertArrayEquals(new byte[] {0, (byte) 0x80, (byte) 0xFF}, packed.values());
    }

    /** The stream as one big integer, built independently of the packer's accumulator. */
    @Property(tries = 300)
    void packedLevelsAreTheDocumentedBitStreamAndComeBack(
            @ForAll @IntRange(min = 3, max = 8) int bits,
            @ForAll @IntRange(min = 1, max = 70) int cols,
            @ForAll @IntRange(min = 0, max = 3) int rows,
            @ForAll @IntRange(min = 0, max = 20) int groupSize,
            @ForAll long seed) {
        Random random = new Random(seed);
        int groups = groupSize == 0 ? 1 : (cols + groupSize - 1) / groupSize;
        float[] scales = new float[rows * groups];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = Bfloat16.round(random.nextFloat());
        }
        int rowBytes = (bits * cols + 7) / 8;
        byte[] expected = new byte[rows * rowBytes];
        short[] values = new short[rows * cols];
        for (int row = 0; row < rows; row++) {
            BigInteger stream = BigInteger.ZERO;
            for (int i = 0; i < cols; i++) {
                float scale = scales[row * groups + (groupSize == 0 ? 0 : i / groupSize)];
                int pattern = scale == 0 ? 0 : random.nextInt(1 << bits);
                values[row * cols + i] = Bfloat16.fromFloat(LevelGrid.value(pattern, scale, bits));
                stream = stream.or(BigInteger.valueOf(pattern).shiftLeft(bits * i));
            }
            for (int b = 0; b < rowBytes; b++) {
                expected[row * rowBytes + b] = stream.shiftRight(8 * b).byteValue();
            }
        }
        byte[] packed = LevelPacking.pack(values, patterns(scales), cols, bits, groupSize);
        assertArrayEquals(expected, packed);
        ByteBuffer stored = bytes(patterns(scales));
        assertArrayEquals(values, LevelPacking.unpack(rows, cols, bits, groupSize, ByteBuffer.wrap(packed), stored));
        assertArrayEquals(patterns(scales), LevelPacking.scales(rows, cols, groupSize, stored));
    }

    @Property(tries = 200)
    void codesOfLevelsComeBack(
            @ForAll @IntRange(min = 3, max = 8) int bits,
            @ForAll @IntRange(min = 1, max = 90) int k,
            @ForAll @IntRange(min = 0, max = 9) int groupSize,
            @ForAll long seed) {
        Random random = new Random(seed);
        int s = 1 + random.nextInt(k);
        Precision precision = new Precision(bits, 16, groupSize);
        int groups = precision.scales(s);
        short[] scales = new short[2 * groups];
        int[] atoms = new int[2 * s];
        float[] values = new float[2 * s];
        for (int row = 0; row < 2; row++) {
            int[] chosen = random.ints(0, k).distinct().limit(s).sorted().toArray();
            System.arraycopy(chosen, 0, atoms, row * s, s);
            for (int i = 0; i < s; i++) {
                int group = row * groups + (groupSize == 0 ? 0 : i / groupSize);
                scales[group] = Bfloat16.fromFloat(0.25f * (1 + group % 7));
                values[row * s + i] = LevelGrid.value(random.nextInt(1 << bits), 0.25f * (1 + group % 7), bits);
            }
        }
        PackedCodes packed = CodePacking.pack(new Codes(2, k, s, atoms, values), precision, scales);
        assertEquals(2 * precision.codeRowBytes(s), packed.values().length + 2 * packed.scales().length);
        Codes back = CodePacking.unpack(packed);
        assertArrayEquals(atoms, back.atoms());
        assertArrayEquals(values, back.values());
    }

    @Test
    void packingNeverRounds() {
        String message = assertThrows(
                        IllegalArgumentException.class,
                        () -> LevelPacking.pack(patterns(1.5f, 1), patterns(1), 2, 4, 0))
                .getMessage();
        assertTrue(message.contains("row 0 holds 1.0, which is no level of 4 bits with the scale 1.0"), message);
    }

    @Test
    void malformedRowsAreNamed() {
        assertDefect("row 1 has scale 0 of NaN", new byte[2], patterns(1, Float.NaN));
        assertDefect("row 0 has scale 0 of Infinity", new byte[2], patterns(Float.POSITIVE_INFINITY, 1));
        assertDefect("row 1 has scale 0 of -1.0", new byte[2], patterns(1, -1));
        assertDefect("row 1 has scale 0 of -0.0", new byte[2], patterns(1, -0f));
        assertDefect("row 0 has pattern 7 at 0 under the scale 0.0, expected 0", new byte[] {7, 0}, patterns(0, 1));
        assertDefect("row 1 has padding bits set after its 2 values", new byte[] {0, 0x40}, patterns(1, 1));
        assertDefect("row 0 has pattern 0 at 0 under the scale 3", new byte[2], patterns(3e38f, 1));
    }

    private static void assertDefect(String expected, byte[] levels, short[] scales) {
        String message = assertThrows(
                        MalformedRowException.class,
                        () -> LevelPacking.unpack(2, 2, 3, 0, ByteBuffer.wrap(levels), bytes(scales)))
                .getMessage();
        assertTrue(message.startsWith(expected), message);
    }

    static short[] patterns(float... values) {
        short[] patterns = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            patterns[i] = Bfloat16.fromFloat(values[i]);
        }
        return patterns;
    }

    private static ByteBuffer bytes(short[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asShortBuffer().put(values);
        return bytes;
    }
}
