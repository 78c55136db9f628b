package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.cospadi.tensor.Bfloat16;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows by index, exactly. */
class EmbeddingKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1,256", "5,31,32", "4,255,256", "4,256,256", "4,257,256"})
    void gatheredRowsAreThoseOfTheTable(int count, int cols, int threads) {
        int entries = 9;
        int[] index = new int[count];
        for (int i = 0; i < count; i++) {
            index[i] = i == 0 ? entries - 1 : random.nextInt(entries);
        }
        float[] table = normal(entries * cols);
        short[] halves = new short[table.length];
        for (int i = 0; i < table.length; i++) {
            halves[i] = Bfloat16.fromFloat(table[i]);
        }
        float[] expected = new float[count * cols];
        float[] widened = new float[count * cols];
        for (int i = 0; i < expected.length; i++) {
            int at = index[i / cols] * cols + i % cols;
            expected[i] = table[at];
            widened[i] = Bfloat16.toFloat(halves[at]);
        }
        EmbeddingKernels kernels = new EmbeddingKernels(withThreads(threads));
        var rows = device.array(index);
        var out = device.room(expected.length);
        kernels.gatherRows(device.array(table).address(), rows.address(), out.address(), count, cols);
        assertArrayEquals(expected, out.floats());
        kernels.gatherRowsBf16(device.array(halves).address(), rows.address(), out.address(), count, cols);
        assertArrayEquals(widened, out.floats());
    }
}
