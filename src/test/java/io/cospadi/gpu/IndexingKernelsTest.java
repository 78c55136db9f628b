package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows and elements by index, exactly. */
class IndexingKernelsTest extends AbstractKernelTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};
    private static final int ENTRIES = 300;

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "5,31,1,1", "8,127,1,1", "9,128,2,2", "20,129,1,2", "4,300,2,1"})
    void gatheredRowsAreThoseOfTheTable(int count, int cols, int across, int down) {
        int[] index = new int[count];
        for (int i = 0; i < count; i++) {
            index[i] = i == 0 ? ENTRIES - 1 : random.nextInt(ENTRIES);
        }
        double[] table = normalDoubles(ENTRIES * cols);
        short[] halves = new short[table.length];
        for (int i = 0; i < table.length; i++) {
            halves[i] = Bfloat16.fromFloat((float) table[i]);
        }
        double[] expected = new double[count * cols];
        float[] widened = new float[count * cols];
        for (int i = 0; i < expected.length; i++) {
            int at = index[i / cols] * cols + i % cols;
            expected[i] = table[at];
            widened[i] = Bfloat16.toFloat(halves[at]);
        }
        var rows = device.array(index);
        for (Launcher launcher : List.of(device, withGrid(across, down))) {
            IndexingKernels kernels = new IndexingKernels(launcher);
            for (DType type : TYPES) {
                var out = device.array(type, new double[count * cols]);
                kernels.gatherRows(
                        type, device.array(type, table).address(), rows.address(), out.address(), count, cols);
                assertArrayEquals(expected, out.values(type), "" + type);
            }
            var tokens = device.array(Arrays.stream(index).asDoubleStream().toArray());
            var out = device.room(expected.length);
            kernels.embed(DType.BF16, device.array(halves).address(), tokens.address(), out.address(), count, cols);
            assertArrayEquals(widened, out.floats());
            var single = device.room(expected.length);
            kernels.embed(
                    DType.F32,
                    device.array(DType.F32, table).address(),
                    tokens.address(),
                    single.address(),
                    count,
                    cols);
            assertArrayEquals(narrowed(expected), single.floats());
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "8,127,1,1", "9,128,2,2", "20,129,1,2"})
    void scatteredRowsLeaveTheOthers(int count, int cols, int across, int down) {
        int[] index = distinct(count);
        for (DType type : TYPES) {
            double[] x = normalDoubles(count * cols);
            double[] expected = normalDoubles(ENTRIES * cols);
            var out = device.array(type, expected);
            for (int i = 0; i < x.length; i++) {
                expected[index[i / cols] * cols + i % cols] = x[i];
            }
            new IndexingKernels(withGrid(across, down))
                    .scatterRows(
                            type,
                            device.array(type, x).address(),
                            device.array(index).address(),
                            out.address(),
                            count,
                            cols);
            assertArrayEquals(expected, out.values(type), "" + type);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,0,1", "255,3,1,1", "257,3,2,1", "300,5,4,2"})
    void columnsAreGatheredAndScattered(int count, int cols, int column, int blocks) {
        int[] index = distinct(count);
        IndexingKernels kernels = new IndexingKernels(withBlocks(blocks));
        for (DType type : TYPES) {
            double[] x = normalDoubles(ENTRIES * cols);
            double[] gathered = new double[count];
            double[] scattered = normalDoubles(ENTRIES * cols);
            var to = device.array(type, scattered);
            for (int i = 0; i < count; i++) {
                gathered[i] = x[index[i] * cols + column];
                scattered[index[i] * cols + column] = gathered[i];
            }
            var rows = device.array(index);
            var out = device.array(type, new double[count]);
            kernels.gatherColumn(
                    type, device.array(type, x).address(), cols, column, rows.address(), out.address(), count);
            assertArrayEquals(gathered, out.values(type), "gathered " + type);
            kernels.scatterColumn(type, out.address(), rows.address(), to.address(), cols, column, count);
            assertArrayEquals(scattered, to.values(type), "scattered " + type);
        }
    }

    /** So many different rows, the last one among them. */
    private int[] distinct(int count) {
        List<Integer> all = IntStream.range(0, ENTRIES - 1).boxed().collect(Collectors.toList());
        Collections.shuffle(all, random);
        all.add(0, ENTRIES - 1);
        return all.stream().mapToInt(i -> i).limit(count).toArray();
    }
}
