package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import io.cospadi.tensor.TopBits;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Constants, conversions and terms, exactly. */
class StorageKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1", "255,1", "256,1", "257,1", "1025,1", "3000,2", "3000,12"})
    void arraysAreFilledAndConverted(int count, int blocks) {
        StorageKernels kernels = new StorageKernels(withBlocks(blocks));
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextGaussian() * Math.pow(10, random.nextInt(90) - 45);
        }
        var narrow = device.room(count);
        kernels.convert(DType.F64, device.array(values).address(), DType.F32, narrow.address(), count);
        assertArrayEquals(narrowed(values), narrow.floats());
        var wide = device.wideRoom(count);
        kernels.convert(DType.F32, narrow.address(), DType.F64, wide.address(), count);
        assertArrayEquals(widened(narrowed(values)), wide.doubles());
        kernels.fill(DType.F32, narrow.address(), 0.1, count);
        kernels.fill(DType.F64, wide.address(), 0.1, count);
        for (int i = 0; i < count; i++) {
            values[i] = 0.1;
        }
        assertArrayEquals(narrowed(values), narrow.floats());
        assertArrayEquals(values, wide.doubles());
    }

    @ParameterizedTest
    @CsvSource({"4,1", "1020,1", "1024,1", "1028,1", "3000,2"})
    void copiesAreEqual(int count, int blocks) {
        float[] values = normal(count);
        var copy = device.room(count);
        new StorageKernels(withBlocks(blocks)).copy(device.array(values).address(), copy.address(), 4L * count);
        assertArrayEquals(values, copy.floats());
    }

    @ParameterizedTest
    @CsvSource({"1,1,14,F32", "1025,1,16,F32", "3000,2,14,F64", "300,1,10,F32", "300,1,31,F64"})
    void topBitsAreThoseOfTheNearestNumber(int count, int blocks, int bits, DType type) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = Float.intBitsToFloat(random.nextInt());
            if (i == 1) {
                values[i] = Float.NEGATIVE_INFINITY;
            } else if (i % 5 == 2) { // half between two
                values[i] =
                        Float.intBitsToFloat(random.nextInt(0x7F000000) >>> 32 - bits << 32 - bits | 1 << 31 - bits);
            } else if (i % 5 == 3 && type == DType.F64) {
                values[i] = values[i - 1] * (1 + 0x1p-40); // there once it is a single
            }
        }
        double[] expected = new double[count];
        Arrays.setAll(expected, i -> TopBits.round((float) values[i], bits));
        for (int order = 0; order < ORDERS; order++) {
            var x = device.array(type, values);
            new StorageKernels(withBlocks(blocks)).keepTopBits(type, x.address(), bits, count);
            assertArrayEquals(expected, type == DType.F64 ? x.doubles() : widened(x.floats()));
        }
    }

    @Test
    void everyHalfKeepsItsValue() {
        int count = 1 << 16;
        short[] bits = new short[count];
        float[] half = new float[count];
        float[] brain = new float[count];
        for (int i = 0; i < count; i++) {
            bits[i] = (short) i;
            half[i] = Float16.toFloat((short) i);
            brain[i] = Bfloat16.toFloat((short) i);
        }
        StorageKernels kernels = new StorageKernels(device);
        var stored = device.array(bits);
        var narrow = device.room(count);
        var wide = device.wideRoom(count);
        kernels.convert(DType.F16, stored.address(), DType.F32, narrow.address(), count);
        assertArrayEquals(half, narrow.floats());
        kernels.convert(DType.F16, stored.address(), DType.F64, wide.address(), count);
        assertArrayEquals(widened(half), wide.doubles());
        kernels.convert(DType.BF16, stored.address(), DType.F32, narrow.address(), count);
        assertArrayEquals(brain, narrow.floats());
        kernels.convert(DType.BF16, stored.address(), DType.F64, wide.address(), count);
        assertArrayEquals(widened(brain), wide.doubles());
    }

    /** The terms, by a grid of so many blocks in a line. */
    private float[] split(float[] values, int rows, int pitch, int blocks) {
        var terms = device.narrowRoom(3 * rows * pitch);
        Launcher line = (kernel, geometry, arguments) -> device.launch(
                kernel, new LaunchGeometry(blocks, 1, geometry.blockX(), geometry.blockY(), 0), arguments);
        new StorageKernels(line)
                .split(device.array(values).address(), rows, values.length / rows, pitch, terms.address());
        return terms.brainFloats();
    }

    @ParameterizedTest
    @CsvSource({"1,1,2,1", "2,7,8,1", "3,8,8,2", "5,9,16,1", "1,255,256,3", "9,257,264,2", "9,257,264,1", "70,30,30,1"})
    void termsAddUpToTheirNumber(int rows, int cols, int pitch, int blocks) {
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) {
            int exponent = random.nextInt(Float.MAX_EXPONENT + 111) - 110;
            values[i] = Math.scalb((1 + random.nextFloat()) * (random.nextBoolean() ? 1 : -1), exponent);
        }
        float[] terms = split(values, rows, pitch, blocks);
        int term = rows * pitch;
        for (int i = 0; i < term; i++) {
            double sum = (double) terms[i] + terms[term + i] + terms[2 * term + i];
            assertEquals(i % pitch < cols ? values[i / pitch * cols + i % pitch] : 0, sum, "at " + i);
            // so that the smaller terms are the corrections that they are meant to be
            assertTrue(Math.abs(terms[term + i]) <= 0x1p-7 * Math.abs(terms[i]), "second term at " + i);
            assertTrue(Math.abs(terms[2 * term + i]) <= 0x1p-15 * Math.abs(terms[i]), "third term at " + i);
        }
    }

    @Test
    void extremesAreNotLost() {
        float[] values = {
            Float.MAX_VALUE,
            -Float.MAX_VALUE,
            Math.nextUp(0x1p-110f),
            Math.nextDown(0x1p-110f),
            -1.2345678f * Float.MIN_NORMAL,
            Float.MIN_VALUE,
            -0f,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            Float.NaN,
            Float.intBitsToFloat(0x7f800001)
        };
        float[] terms = split(values, 1, 12, 1);
        for (int i = 0; i < values.length; i++) {
            double sum = (double) terms[i] + terms[12 + i] + terms[24 + i];
            if (Float.isFinite(values[i])) {
                assertEquals(values[i], sum, Math.abs(values[i]) < 0x1p-110 ? 0x1p-133 : 0, "at " + i);
            } else {
                assertTrue(Double.isNaN(sum), "at " + i);
            }
        }
    }

    @Test
    void rowsNeedRoomForWords() {
        StorageKernels kernels = new StorageKernels(device);
        assertThrows(IllegalArgumentException.class, () -> kernels.split(0, 1, 5, 5, 0));
        assertThrows(IllegalArgumentException.class, () -> kernels.split(0, 1, 5, 4, 0));
    }

    @Test
    void otherTypesAreRefused() {
        StorageKernels kernels = new StorageKernels(device);
        assertThrows(IllegalArgumentException.class, () -> kernels.convert(DType.F32, 0, DType.F32, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> kernels.convert(DType.F32, 0, DType.BF16, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> kernels.fill(DType.F16, 0, 1, 1));
    }
}
