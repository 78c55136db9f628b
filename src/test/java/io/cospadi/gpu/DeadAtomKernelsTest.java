package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Unused atoms and worst rows against plain loops, exactly, whatever the order of threads and blocks. */
class DeadAtomKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1,1,1", "7,5,4,0", "9,40,300,7", "5,40,3,40", "257,33,31,32", "600,600,2,301", "300,3,257,3"})
    void unusedAtomsTakeTheRowsCodedWorst(int d2, int k, int r, int unused) {
        double[] uses = new double[k];
        // the unused ones are spread over all atoms: no k here is a multiple of 7
        Arrays.setAll(uses, i -> i * 7 % k < unused ? i % 3 == 1 ? Double.NaN : -0.0 : 1);
        float[] usage = narrowed(uses);
        double[] errors = new double[d2];
        Arrays.setAll(errors, i -> i % 7 == 5 ? Double.NaN : i % 11 == 0 ? -0.0 : random.nextInt(20));
        float[] target = normal(d2 * r);
        float[] codes = normal(d2 * k);
        float[] dictionary = normal(k * r);
        float[] previous = normal(k * r);
        float[] expectedCodes = codes.clone();
        float[] expectedDictionary = dictionary.clone();
        float[] expectedPrevious = previous.clone();
        boolean[] taken = new boolean[d2];
        int count = 0;
        for (int atom = 0; atom < k; atom++) {
            int worst = usage[atom] > 0 ? -1 : worst(errors, taken);
            if (worst >= 0) {
                taken[worst] = true;
                count++;
                System.arraycopy(target, worst * r, expectedDictionary, atom * r, r);
                System.arraycopy(target, worst * r, expectedPrevious, atom * r, r);
                Arrays.fill(expectedCodes, worst * k, (worst + 1) * k, 0);
                expectedCodes[worst * k + atom] = 1;
            }
        }
        var u = device.array(usage);
        var e = device.array(errors);
        var y = device.array(target);
        for (int order = 0; order < ORDERS; order++) {
            var c = device.array(codes);
            var d = device.array(dictionary);
            var p = device.array(previous);
            var replaced = device.array(3.0);
            var scratch = device.array(new int[(int) DeadAtomKernels.scratchInts(k)]);
            new DeadAtomKernels(device)
                    .replaceUnused(
                            u.address(),
                            e.address(),
                            y.address(),
                            c.address(),
                            d.address(),
                            p.address(),
                            replaced.address(),
                            scratch.address(),
                            d2,
                            k,
                            r);
            assertArrayEquals(new double[] {3.0 + count}, replaced.doubles(), "replaced");
            assertArrayEquals(expectedDictionary, d.floats(), "dictionary");
            assertArrayEquals(expectedPrevious, p.floats(), "previous");
            assertArrayEquals(expectedCodes, c.floats(), "codes");
        }
    }

    /** The lowest of the largest that nobody has taken; NaN only where nothing else is left. */
    private static int worst(double[] errors, boolean[] taken) {
        int worst = -1;
        for (int row = 0; row < errors.length; row++) {
            boolean worse = worst < 0
                    || Double.isNaN(errors[worst]) && !Double.isNaN(errors[row])
                    || errors[row] > errors[worst];
            worst = !taken[row] && worse ? row : worst;
        }
        return worst;
    }

    @Test
    void nothingNeedsNoLaunch() {
        DeadAtomKernels kernels = new DeadAtomKernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        kernels.replaceUnused(0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 3);
        kernels.replaceUnused(0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 3);
    }
}
