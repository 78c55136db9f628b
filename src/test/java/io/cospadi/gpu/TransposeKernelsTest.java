package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.cospadi.tensor.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Elements at their mirrored places, exactly. */
class TransposeKernelsTest extends AbstractKernelTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "1,100,4,1", "32,32,1,1", "33,31,2,2", "65,70,3,3", "65,70,1,2", "7,129,2,1"})
    void rowsBecomeColumns(int rows, int cols, int across, int down) {
        for (DType type : TYPES) {
            for (int order = 0; order < ORDERS; order++) {
                double[] x = normalDoubles(rows * cols);
                double[] expected = new double[x.length];
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < cols; j++) {
                        expected[j * rows + i] = x[i * cols + j];
                    }
                }
                var out = device.array(type, new double[x.length]);
                new TransposeKernels(order == 0 ? device : withGrid(across, down))
                        .transpose(type, device.array(type, x).address(), out.address(), rows, cols);
                assertArrayEquals(expected, out.values(type), "" + type);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "2,1,1", "32,1,1", "33,2,2", "65,2,1", "97,3,4"})
    void oneTriangleMirrorsTheOther(int n, int across, int down) {
        for (DType type : TYPES) {
            for (int order = 0; order < ORDERS; order++) {
                double[] x = normalDoubles(n * n);
                double[] fromLower = x.clone();
                double[] fromUpper = x.clone();
                for (int i = 0; i < n; i++) {
                    for (int j = 0; j < i; j++) {
                        fromLower[j * n + i] = x[i * n + j];
                        fromUpper[i * n + j] = x[j * n + i];
                    }
                }
                TransposeKernels kernels = new TransposeKernels(order == 0 ? device : withGrid(across, down));
                var lower = device.array(type, x);
                kernels.mirrorLower(type, lower.address(), n);
                assertArrayEquals(fromLower, lower.values(type), "lower " + type);
                var upper = device.array(type, x);
                kernels.mirrorUpper(type, upper.address(), n);
                assertArrayEquals(fromUpper, upper.values(type), "upper " + type);
            }
        }
    }
}
