package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lists of rows against a plain search. */
class SupportKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1", "3,3", "63,31", "64,256", "65,257", "130,700", "700,40"})
    void rowsThatUseAnAtomAreListed(int rows, int k) {
        float[] codes = normal(rows * k);
        for (int i = 0; i < codes.length; i++) {
            int kind = random.nextInt(8);
            // column 2 is used everywhere, column 1 nowhere
            boolean zero = i % k != 2 && (kind < 4 || i % k == 1);
            codes[i] = zero ? (kind % 2 == 0 ? 0f : -0f) : kind == 7 ? -Float.MIN_VALUE : codes[i];
        }
        for (int order = 0; order < ORDERS; order++) {
            var matrix = device.array(codes);
            var scratch = device.room((int) SupportKernels.scratchInts(rows, k));
            var start = device.wideRoom(k + 1);
            SupportKernels kernels = new SupportKernels(device);
            kernels.locate(matrix.address(), rows, k, scratch.address(), start.address(), Long.MAX_VALUE);
            int[] expected = IntStream.range(0, k)
                    .flatMap(j -> IntStream.range(0, rows).filter(i -> codes[i * k + j] != 0))
                    .toArray();
            long[] starts = new long[k + 1];
            for (int j = 0; j < k; j++) {
                int column = j;
                starts[j + 1] = starts[j]
                        + IntStream.range(0, rows)
                                .filter(i -> codes[i * k + column] != 0)
                                .count();
            }
            assertArrayEquals(starts, start.longs());
            var list = device.room(expected.length);
            kernels.list(
                    matrix.address(), rows, k, scratch.address(), start.address(), list.address(), list.ints().length);
            assertArrayEquals(expected, list.ints());
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1,1", "3,7,3,7,1", "9,64,8,16,1", "2,96,2,4,1", "3,130,40,65,1", "17,66,33,33,1", "5,70,0,70,1"})
    void storedPlacesAreTheNonzerosAndTheLowestOthers(int rows, int k, int kept, int group, int blocks) {
        float[] codes = normal(rows * k);
        for (int i = 0; i < codes.length; i++) {
            boolean zero = random.nextInt(7) >= i / group % 8; // of some groups none is 0, of some all are
            codes[i] = zero ? (i % 2 == 0 ? 0f : -0f) : i % 5 == 0 ? Float.MIN_VALUE : codes[i];
        }
        var c = device.array(codes);
        for (int order = 0; order < ORDERS; order++) {
            var marks = device.room(rows * k);
            new SupportKernels(withBlocks(blocks)).markStored(c.address(), marks.address(), rows, k, kept, group);
            assertArrayEquals(PlainSupport.stored(codes, kept, group), marks.floats());
        }
        new SupportKernels(device).markStored(0, 0, 0, k, kept, group);
        new SupportKernels(device).markStored(0, 0, rows, 0, kept, group);
    }

    @Test
    void emptyAndTooTallCodesAreRefused() {
        SupportKernels kernels = new SupportKernels(device);
        assertThrows(IllegalArgumentException.class, () -> kernels.locate(0, 0, 3, 0, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> kernels.locate(0, 3, 0, 0, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> kernels.list(0, 4_194_241, 3, 0, 0, 0, 0));
    }

    /** Lists that there is no room for end where the room does, and nothing is written behind it. */
    @Test
    void listsEndWithTheRoom() {
        int rows = 100;
        int k = 3;
        float[] codes = new float[rows * k];
        Arrays.fill(codes, 1);
        var matrix = device.array(codes);
        var scratch = device.array(new int[(int) SupportKernels.scratchInts(rows, k)]);
        var start = device.array(new long[k + 1]);
        var list = device.array(new int[150]);
        SupportKernels kernels = new SupportKernels(device);
        kernels.locate(matrix.address(), rows, k, scratch.address(), start.address(), 150);
        kernels.list(matrix.address(), rows, k, scratch.address(), start.address(), list.address(), 150);
        assertArrayEquals(new long[] {0, 100, 150, 150}, start.longs());
        assertArrayEquals(IntStream.range(0, 150).map(i -> i % 100).toArray(), list.ints());
    }
}
