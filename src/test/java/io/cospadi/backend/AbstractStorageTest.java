package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import io.cospadi.tensor.HostMatrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Storage verbs: everything they do is exact. */
abstract class AbstractStorageTest extends AbstractBackendTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = ',',
            value = {"0,0", "0,5", "5,0", "1,1", "3,7", "1,4097", "255,257", "256,256", "2,70000"})
    void whatIsWrittenIsRead(int rows, int cols) {
        double[] values = normal(rows * cols);
        for (DType type : new DType[] {DType.F32, DType.F64}) {
            assertSame(values, read(output(rows, cols, type, values)), "" + type);
        }
    }

    @Test
    void freshMatrixIsZeroAndCounted() {
        Matrix matrix = matrix(129, 65, DType.F64);
        assertEquals(129L * 65 * 8, backend.allocatedBytes());
        assertSame(new double[129 * 65], read(matrix), "fresh");
        matrix.close();
        matrix.close();
        assertEquals(0, backend.allocatedBytes());
        IllegalStateException used = assertThrows(IllegalStateException.class, () -> backend.readDoubles(matrix));
        assertEquals("a matrix (129, 65) F64 is used after it was closed", used.getMessage());
    }

    /** In pieces, as files are read, and behind work on memory that was given back. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void whatIsLoadedIntoUndefinedMemoryIsAllOfIt(DType type) {
        int cols = 40_000;
        for (int round = 0; round < 2; round++) {
            double[] values = normal(5 * cols);
            ByteBuffer stored = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
            stored.asDoubleBuffer().put(values);
            try (Matrix matrix = backend.allocateUndefined(5, cols, type)) {
                assertEquals(5L * cols * type.bytes(), backend.allocatedBytes());
                backend.load(matrix.rows(0, 2), stored.slice(0, 16 * cols), DType.F64);
                backend.load(matrix.rows(2, 3), stored.slice(16 * cols, 24 * cols), DType.F64);
                assertSame(values, read(matrix), "round " + round);
            }
        }
    }

    @Test
    void viewsShareMemoryAndCloseNothing() {
        Matrix whole = matrix(5, 3, DType.F32, normal(15));
        Matrix view = whole.rows(1, 3).rows(1, 2);
        backend.fill(view, 7);
        view.close();
        double[] values = read(whole);
        for (int i = 0; i < 15; i++) {
            assertEquals(i >= 6 && i < 12, values[i] == 7, "element " + i);
        }
        assertThrows(IndexOutOfBoundsException.class, () -> whole.rows(4, 2));
        assertThrows(IndexOutOfBoundsException.class, () -> whole.rows(-1, 1));
        whole.close();
        assertThrows(IllegalStateException.class, () -> backend.fill(view, 1));
    }

    @Test
    void memoryIsFreedBehindTheLastOfThoseWhoShareIt() {
        Matrix first = matrix(5, 3, DType.F32, normal(15));
        double[] values = read(first);
        Matrix second = closing(first.share().orElseThrow());
        Matrix ofView = closing(first.rows(1, 2).share().orElseThrow());
        assertEquals(4L * 15, backend.allocatedBytes());
        first.close();
        first.close();
        assertThrows(IllegalStateException.class, () -> backend.readFloats(first));
        assertSame(values, read(second), "second");
        assertSame(Arrays.copyOfRange(values, 3, 9), read(ofView), "rows 1 and 2");
        Matrix third = closing(first.share().orElseThrow());
        second.close();
        ofView.close();
        assertEquals(4L * 15, backend.allocatedBytes());
        assertSame(values, read(third), "third");
        third.close();
        assertEquals(0, backend.allocatedBytes());
        assertTrue(first.share().isEmpty());
        assertTrue(third.share().isEmpty());
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F64", "F32", "F16", "BF16"})
    void storedElementsConvertExactly(DType type) {
        int rows = 37;
        int cols = 129;
        ByteBuffer stored = ByteBuffer.allocate(3 + rows * cols * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        double[] expected = new double[rows * cols];
        stored.position(3);
        for (int i = 0; i < expected.length; i++) {
            switch (type) {
                case F64 -> stored.putDouble(expected[i] = random.nextGaussian());
                case F32 -> {
                    float value = (float) random.nextGaussian();
                    stored.putFloat(value);
                    expected[i] = value;
                }
                case F16 -> {
                    short bits = (short) (random.nextInt(1 << 16) & ~0x4000);
                    stored.putShort(bits);
                    expected[i] = Float16.toFloat(bits);
                }
                default -> {
                    short bits = Bfloat16.fromFloat((float) random.nextGaussian());
                    stored.putShort(bits);
                    expected[i] = Bfloat16.toFloat(bits);
                }
            }
        }
        stored.position(3);
        Matrix wide = output(rows, cols, DType.F64);
        backend.load(wide, stored, type);
        assertSame(expected, read(wide), "to F64");
        Matrix narrow = output(rows, cols, DType.F32);
        backend.load(narrow, stored, type);
        assertSame(doubles(floats(expected)), read(narrow), "to F32");
        assertEquals(3, stored.position(), "the caller's buffer is not moved");
    }

    @Test
    void copyConvertsBetweenTypes() {
        double[] values = {1.0 / 3, -0.0, 1e300, Double.MIN_VALUE, 16777217};
        Matrix wide = matrix(1, 5, DType.F64, values);
        Matrix narrow = output(1, 5, DType.F32);
        backend.copy(wide, narrow);
        assertSame(doubles(floats(values)), read(narrow), "rounded");
        Matrix back = output(1, 5, DType.F64);
        backend.copy(narrow, back);
        assertSame(doubles(floats(values)), read(back), "widened");
        double[] many = normal(300 * 251);
        Matrix target = output(300, 251, DType.F32);
        backend.copy(matrix(300, 251, DType.F32, many), target);
        assertSame(many, read(target), "same type");
    }

    @ParameterizedTest
    @CsvSource({"0,4", "4,0", "1,1", "1,100", "64,64", "65,63", "129,257", "1000,70"})
    void transposeTurnsRowsIntoColumns(int rows, int cols) {
        for (DType type : new DType[] {DType.F32, DType.F64}) {
            double[] values = normal(rows * cols);
            Matrix turned = output(cols, rows, type);
            backend.transpose(matrix(rows, cols, type, values), turned);
            double[] expected = new double[values.length];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < cols; j++) {
                    expected[j * rows + i] = values[i * cols + j];
                }
            }
            assertSame(expected, read(turned), "transpose " + type);
        }
    }

    @Test
    void rowsAndColumnsAreGatheredAndScattered() {
        for (DType type : new DType[] {DType.F32, DType.F64}) {
            double[] values = normal(6 * 5);
            int[] rows = {4, 0, 5};
            Matrix from = matrix(6, 5, type, values);
            Matrix gathered = output(3, 5, type);
            backend.gatherRows(from, rows, gathered);
            Matrix column = output(1, 3, type);
            backend.gatherColumn(from, 2, rows, column);
            Matrix to = output(6, 5, type, new double[30]);
            backend.scatterRows(gathered, rows, to);
            Matrix toColumn = output(6, 5, type, new double[30]);
            backend.scatterColumn(column, rows, toColumn, 3);
            double[] expectedRows = new double[30];
            double[] expectedColumn = new double[30];
            for (int row : rows) {
                System.arraycopy(values, row * 5, expectedRows, row * 5, 5);
                expectedColumn[row * 5 + 3] = values[row * 5 + 2];
            }
            assertSame(expectedRows, read(to), "rows " + type);
            assertSame(expectedColumn, read(toColumn), "column " + type);
            // repeated rows are what an embedding look-up asks for
            Matrix repeated = output(4, 5, type);
            backend.gatherRows(from, new int[] {1, 1, 1, 1}, repeated);
            assertSame(java.util.Arrays.copyOfRange(values, 5, 10), read(repeated.rows(3, 1)), "repeated");
        }
    }

    /** More than are under way at a time, as they were when they were sent, whatever became of the scalar and of the backend. */
    @Test
    void scalarsArriveAsTheyWereSent() {
        int count = 300;
        Reading[] readings = new Reading[count];
        try (Backend other = create()) {
            try (Matrix scalar = other.allocate(1, 1, DType.F64)) {
                for (int i = 0; i < count; i++) {
                    other.fill(scalar, i + 0.1);
                    readings[i] = other.read(scalar);
                    other.read(scalar); // nobody asks for this one
                }
                other.fill(scalar, -1);
            }
            assertEquals(0.1, readings[0].value());
            assertTrue(readings[0].arrived());
            assertEquals(count - 0.9, readings[count - 1].value());
            readings[7].arrived();
        }
        for (int i = 0; i < count; i++) {
            assertEquals(i + 0.1, readings[i].value());
            assertTrue(readings[i].arrived());
        }
    }

    @Test
    void hostMatricesComeBackEqual() {
        HostMatrix host = new HostMatrix(3, 4, floats(normal(12)));
        Matrix matrix = closing(backend.upload(host));
        HostMatrix back = backend.download(matrix);
        assertEquals(3, back.rows());
        assertEquals(4, back.cols());
        assertArrayEquals(host.data(), back.data());
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "3,5,2", "70,33,33", "4,300,7"})
    void codesAreWrittenWithTheZerosBetweenThem(int rows, int k, int s) {
        int[] atoms = new int[rows * s];
        double[] dense = new double[rows * k];
        double[] values = normal(rows * s);
        for (int i = 0; i < rows; i++) {
            int[] support = random.ints(0, k).distinct().limit(s).sorted().toArray();
            for (int p = 0; p < s; p++) {
                atoms[i * s + p] = support[p];
                dense[i * k + support[p]] = values[i * s + p];
            }
        }
        Codes codes = new Codes(rows, k, s, atoms, floats(values));
        for (DType type : List.of(DType.F32, DType.F64)) {
            Matrix matrix = output(rows, k, type, normal(rows * k));
            backend.write(matrix, codes);
            assertSame(dense, read(matrix), type.toString());
            Matrix narrow = matrix(rows, k + 1, type);
            assertThrows(IllegalArgumentException.class, () -> backend.write(narrow, codes));
        }
    }

    /** Only the pages that are touched take memory, so the test is cheap; the heap of a test run is smaller than the matrix. */
    @Test
    void matrixBeyondTwoGibibytesIsReachedEverywhere() {
        int cols = 10;
        Matrix large = matrix(70_000_000, cols, DType.F32);
        assertEquals(2_800_000_000L, backend.allocatedBytes());
        // these rows lie across element 2^28, where one direct buffer ends, and behind byte 2^31
        for (int row : new int[] {26_843_540, 53_687_085, 69_999_990}) {
            Matrix view = large.rows(row, 10);
            double[] values = normal(100);
            write(view, values);
            assertSame(values, read(view), "written at row " + row);
            Matrix one = output(10, 10, DType.F32);
            backend.copy(view, one);
            assertSame(values, read(one), "copied");
            Matrix identity = matrix(10, 10, DType.F32);
            backend.addToDiagonal(identity, 1);
            backend.gemm(2, identity, false, one, false, 1, view);
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (3 * values[i]);
            }
            assertWithin(values, read(view), 1e-6, "multiplied in place");
            Matrix last = output(1, cols, DType.F32);
            backend.gatherRows(large, new int[] {row + 9}, last);
            assertSame(read(view.rows(9, 1)), read(last), "gathered");
        }
    }

    @Test
    void tasksOfTheHostRunOnceEach() {
        int[] runs = new int[1000];
        backend.onHost(runs.length, task -> runs[task]++);
        assertTrue(Arrays.stream(runs).allMatch(n -> n == 1));
        backend.onHost(0, task -> fail("there is no task"));
        IllegalStateException failure = assertThrows(
                IllegalStateException.class,
                () -> backend.onHost(100, task -> {
                    if (task == 37) {
                        throw new IllegalStateException("task 37");
                    }
                }));
        assertEquals("task 37", failure.getMessage());
    }

    @Test
    void productsAreWatched() {
        Optional<DeviceTimes> watched = backend.watch();
        assumeTrue(watched.isPresent(), "no device");
        DeviceTimes times = watched.get();
        Matrix a = matrix(3, 4, DType.F32, normal(12));
        Matrix b = matrix(4, 4, DType.F64, normal(16));
        Matrix gram = output(3, 3, DType.F32);
        Matrix product = output(4, 4, DType.F64);
        times.pause();
        backend.symmetricProduct(a, false, gram);
        assertEquals(0, DeviceTimes.productMilliseconds(times.entries()));
        times.resume();
        backend.scale(2, a);
        assertEquals(0, DeviceTimes.productMilliseconds(times.entries()));
        backend.symmetricProduct(a, false, gram);
        double symmetric = DeviceTimes.productMilliseconds(times.entries());
        assertTrue(symmetric > 0);
        backend.gemm(1, b, false, b, false, 0, product);
        assertTrue(DeviceTimes.productMilliseconds(times.entries()) > symmetric);
    }
}
