package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Constants and conversions, exactly. */
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

    @Test
    void otherTypesAreRefused() {
        StorageKernels kernels = new StorageKernels(device);
        assertThrows(IllegalArgumentException.class, () -> kernels.convert(DType.F32, 0, DType.F32, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> kernels.convert(DType.F32, 0, DType.BF16, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> kernels.fill(DType.F16, 0, 1, 1));
    }
}
