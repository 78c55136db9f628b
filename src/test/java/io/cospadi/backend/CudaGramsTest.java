package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.SlowDoubles;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Gram matrices in little scratch memory: few tokens and few rows at a time. */
class CudaGramsTest {
    /** Whole numbers below 2^9, which have two terms, so that no sum is rounded; memory is what the contract says. */
    @ParameterizedTest
    @CsvSource({"50,70,20000", "8,70,1", "33,16,3000", "64,9,1536", "100,1,600"})
    void chunksAndStripsAddUpExactly(int n, int d, int scratchBytes) {
        Random random = new Random(42);
        float[] x = new float[n * d];
        double[] expected = new double[d * d];
        for (int t = 0; t < n; t++) {
            for (int i = 0; i < d; i++) {
                x[t * d + i] = random.nextInt(801) - 400;
            }
            for (int i = 0; i < d * d; i++) {
                expected[i] += (double) x[t * d + i / d] * x[t * d + i % d];
            }
        }
        for (CudaCalls device : List.of(new EmulatedCuda(), SlowDoubles.on(new EmulatedCuda()))) {
            // at least a token's terms and eight rows of sums
            long scratch = Math.max(scratchBytes, (6 + 8 * 4) * CudaSplitProducts.pitch(d));
            // DeviceMemory rounds each of four blocks up, by 512 bytes or by a 32nd
            long room = (4L * n * d + 8L * d * d + scratch) * 33 / 32 + 4 * 512;
            try (CudaMemory memory = new CudaMemory(device, room);
                    CudaMatrix tokens = new CudaMatrix(memory.undefined(4L * n * d), n, d, DType.F32);
                    CudaMatrix gram = new CudaMatrix(memory.zeroed(8L * d * d), d, d, DType.F64)) {
                memory.write(tokens.address(), x);
                new CudaGrams(device, memory, scratchBytes).add(tokens, gram);
                double[] found = new double[d * d];
                memory.read(gram.address(), found);
                assertArrayEquals(expected, found);
            }
            device.close();
        }
    }
}
