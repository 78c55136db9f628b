package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.CospadiException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Selection against sorting, the thresholded step against its formula. */
class SelectKernelsTest extends AbstractKernelTest {
    private static final int MOST_SHARED = LaunchGeometry.MOST_SHARED_BYTES;

    /** Zeroes all but the s largest magnitudes of each row; a stable sort keeps ties in column order. */
    private static float[] largestBySorting(float[] values, int rows, int k, int s) {
        float[] kept = new float[values.length];
        for (int i = 0; i < rows; i++) {
            IntStream.range(i * k, (i + 1) * k)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer j) -> -Math.abs(values[j])))
                    .limit(s)
                    .forEach(j -> kept[j] = values[j]);
        }
        return kept;
    }

    /** Normal, ties everywhere, all equal, mostly zeros of both signs, the whole range of exponents. */
    private float[] values(int kind, int count) {
        float[] values = normal(count);
        for (int i = 0; i < count; i++) {
            values[i] = switch (kind) {
                case 0 -> values[i];
                case 1 -> (float) Math.rint(2 * values[i]) / 2;
                case 2 -> values[i] < 0 ? -3 : 3;
                case 3 -> values[i] > 1.5 ? values[i] : values[i] > 0 ? 0f : -0f;
                default -> (float) (values[i] * Math.pow(2, random.nextInt(270) - 148));
            };
        }
        return values;
    }

    /** Equal as numbers: the sign of a zero says nothing. */
    private static void assertSame(float[] expected, float[] actual, String what) {
        for (int i = 0; i < expected.length; i++) {
            int at = i;
            assertTrue(
                    expected[i] == actual[i],
                    () -> what + ": element " + at + " is " + actual[at] + ", expected " + expected[at]);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,256",
        "3,2,256",
        "2,31,256",
        "2,32,64",
        "2,33,32",
        "2,255,256",
        "2,256,256",
        "2,257,256",
        "1,4171,256"
    })
    void exactlyTheLargestAreKept(int rows, int k, int threads) {
        SelectKernels kernels = new SelectKernels(withThreads(threads), MOST_SHARED);
        for (int s : new int[] {0, 1, k / 2, k - 1, k}) {
            for (int kind = 0; kind < 5; kind++) {
                float[] values = values(kind, rows * k);
                var matrix = device.array(values);
                kernels.keepLargest(matrix.address(), rows, k, s);
                String what = "s " + s + ", kind " + kind;
                assertSame(largestBySorting(values, rows, k, s), matrix.floats(), what);
            }
        }
    }

    /** Each group by itself, sorted. */
    private static float[] largestOfGroupsBySorting(float[] values, int rows, int k, int kept, int group) {
        float[] all = new float[values.length];
        for (int i = 0; i < rows; i++) {
            for (int from = i * k; from < (i + 1) * k; from += group) {
                int count = Math.min(group, (i + 1) * k - from);
                float[] own = Arrays.copyOfRange(values, from, from + count);
                System.arraycopy(largestBySorting(own, 1, count, kept), 0, all, from, count);
            }
        }
        return all;
    }

    @ParameterizedTest
    @CsvSource({"1,1,256", "3,2,256", "2,31,256", "2,32,64", "2,33,32", "2,256,256", "2,257,256", "1,4171,256"})
    void exactlyTheLargestOfEveryGroupAreKept(int rows, int k, int threads) {
        SelectKernels kernels = new SelectKernels(withThreads(threads), MOST_SHARED);
        for (int group : new int[] {1, 4, 16, 32}) {
            for (int kept : new int[] {0, 1, group / 2, group}) {
                for (int kind = 0; kind < 5; kind++) {
                    float[] values = values(kind, rows * k);
                    var matrix = device.array(values);
                    kernels.keepLargestInGroups(matrix.address(), rows, k, kept, group);
                    String what = kept + " of " + group + ", kind " + kind;
                    assertSame(largestOfGroupsBySorting(values, rows, k, kept, group), matrix.floats(), what);
                }
            }
        }
    }

    @Test
    void everyOrderOfThreadsSelectsTheSame() {
        float[] values = values(1, 3 * 700);
        for (int order = 0; order < ORDERS; order++) {
            var matrix = device.array(values);
            new SelectKernels(device, MOST_SHARED).keepLargest(matrix.address(), 3, 700, 333);
            assertSame(largestBySorting(values, 3, 700, 333), matrix.floats(), "order " + order);
        }
    }

    /** Small multiples of powers of two make every product and sum exact, so the selection is too, ties included. */
    @ParameterizedTest
    @CsvSource({"1,1,256", "4,33,256", "3,300,256", "3,300,32"})
    void stepThatIsExactGivesTheExactSelection(int rows, int k, int threads) {
        float[] steps = {0.5f, 2, 0, 0};
        for (int s : new int[] {0, 1, k / 2, k}) {
            float[] codes = values(1, rows * k);
            float[] residual = values(1, rows * k);
            float[] gradient = new float[rows * k];
            float[] curvature = new float[rows * k];
            float[] moved = new float[rows * k];
            for (int i = 0; i < rows; i++) {
                for (int at = i * k; at < (i + 1) * k; at++) {
                    // row 0: g.c = 2 g.g; row 1: half of it; row 2: negative; row 3: no gradient
                    gradient[at] = i == 3 ? 0 : 1 + at % 5;
                    curvature[at] = gradient[at] * (i == 0 ? 2 : i == 1 ? 0.5f : -1);
                    moved[at] = codes[at] + steps[i] * residual[at];
                }
            }
            var updated = device.array(codes);
            new SelectKernels(withThreads(threads), MOST_SHARED)
                    .hardThresholdStep(
                            updated.address(),
                            device.array(residual).address(),
                            device.array(gradient).address(),
                            device.array(curvature).address(),
                            rows,
                            k,
                            s);
            assertSame(largestBySorting(moved, rows, k, s), updated.floats(), "s " + s);
            int group = 16;
            int kept = Math.min(s, group / 2);
            updated = device.array(codes);
            new SelectKernels(withThreads(threads), MOST_SHARED)
                    .hardThresholdStepInGroups(
                            updated.address(),
                            device.array(residual).address(),
                            device.array(gradient).address(),
                            device.array(curvature).address(),
                            rows,
                            k,
                            kept,
                            group);
            assertSame(largestOfGroupsBySorting(moved, rows, k, kept, group), updated.floats(), kept + " of " + group);
        }
    }

    /**
     * The dot products have positive terms: each errs by at most (k / threads + 5 + 8 + 1) roundings relatively, so the step by
     * twice that and one more; the moved value by two more, of x and of step r.
     */
    @Test
    void stepOfAnyRowStaysWithinRounding() {
        int k = 1000;
        int s = 400;
        float[] codes = normal(k);
        float[] residual = normal(k);
        float[] gradient = normal(k);
        float[] curvature = new float[k];
        double squared = 0;
        double curved = 0;
        for (int j = 0; j < k; j++) {
            curvature[j] = gradient[j] * (0.5f + random.nextFloat());
            squared += (double) gradient[j] * gradient[j];
            curved += (double) gradient[j] * curvature[j];
        }
        double[] moved = new double[k];
        double[] allowance = new double[k];
        for (int j = 0; j < k; j++) {
            double change = squared / curved * residual[j];
            moved[j] = codes[j] + change;
            allowance[j] = ROUNDING * (2 * (4 + 14) + 3) * 1.001 * (Math.abs(codes[j]) + Math.abs(change));
        }
        var updated = device.array(codes);
        new SelectKernels(device, MOST_SHARED)
                .hardThresholdStep(
                        updated.address(),
                        device.array(residual).address(),
                        device.array(gradient).address(),
                        device.array(curvature).address(),
                        1,
                        k,
                        s);
        float[] kept = updated.floats();
        double[] magnitudes = Arrays.stream(moved).map(Math::abs).sorted().toArray();
        double least = magnitudes[k - s];
        int count = 0;
        double[] expected = new double[k];
        for (int j = 0; j < k; j++) {
            if (kept[j] != 0) {
                count++;
                expected[j] = moved[j];
                assertTrue(Math.abs(moved[j]) >= least - 2 * allowance[j], "kept " + j);
            } else {
                assertTrue(Math.abs(moved[j]) <= least + 2 * allowance[j], "dropped " + j);
            }
        }
        assertEquals(s, count);
        assertWithin(allowance, expected, kept, "moved");
    }

    @Test
    void emptyMatricesNeedNoLaunch() {
        SelectKernels kernels = new SelectKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                MOST_SHARED);
        kernels.keepLargest(0, 0, 5, 2);
        kernels.keepLargest(0, 5, 0, 0);
        kernels.hardThresholdStep(0, 0, 0, 0, 0, 5, 2);
        kernels.keepLargestInGroups(0, 0, 5, 2, 4);
        kernels.keepLargestInGroups(0, 5, 0, 2, 4);
        kernels.hardThresholdStepInGroups(0, 0, 0, 0, 0, 5, 2, 4);
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        SelectKernels kernels = new SelectKernels(device, MOST_SHARED);
        assertThrows(IllegalArgumentException.class, () -> kernels.keepLargest(0, 1, 5, 6));
        assertThrows(IllegalArgumentException.class, () -> kernels.keepLargest(0, 1, 5, -1));
        assertThrows(IllegalArgumentException.class, () -> kernels.keepLargestInGroups(0, 1, 5, 2, 3));
        assertThrows(IllegalArgumentException.class, () -> kernels.keepLargestInGroups(0, 1, 5, 2, 64));
        assertThrows(IllegalArgumentException.class, () -> kernels.keepLargestInGroups(0, 1, 5, 5, 4));
    }

    /** What {@code select.cu} states of devices with most and with least shared memory. */
    @ParameterizedTest
    @CsvSource({"166912, 41216", "101376, 24832"})
    void widestRowFitsIntoSharedMemory(int mostShared, int k) {
        device.close();
        device = new EmulatedDevice(mostShared);
        SelectKernels kernels = new SelectKernels(device, mostShared);
        float[] values = normal(k);
        var matrix = device.array(values);
        kernels.keepLargest(matrix.address(), 1, k, k / 2);
        assertArrayEquals(largestBySorting(values, 1, k, k / 2), matrix.floats());
        CospadiException wide = assertThrows(CospadiException.class, () -> kernels.keepLargest(0, 1, k + 1, 6));
        assertEquals(
                "codes over k=" + (k + 1) + " atoms need " + 4 * (k + 1)
                        + " bytes of shared memory a block, and this GPU allows " + 4 * k
                        + "; use fewer atoms, --backend cpu, or a GPU that allows more",
                wide.getMessage());
        assertThrows(CospadiException.class, () -> kernels.hardThresholdStep(0, 0, 0, 0, 1, k + 1, 6));
    }
}
