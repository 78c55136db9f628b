package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Which kernels attention and its gradients run, by the columns of a head and what a block shares. */
class AttentionTilingTest {
    private record Launch(String kernel, int sharedBytes) {}

    /** Of one forward pass and of the gradients, which begin with another one. */
    private static List<Launch> launches(int headDim, int mostShared) {
        List<Launch> all = new ArrayList<>();
        Launcher launcher = (kernel, geometry, arguments) -> all.add(new Launch(kernel, geometry.sharedBytes()));
        new AttentionGradientKernels(launcher, mostShared)
                .attentionGradient(0, 0, 0, 0, 0, 0, 0, 0, 100, 2, 1, headDim, 100);
        return all;
    }

    @Test
    void everyHeadFitsOnEveryDevice() {
        Map<String, String> files = KernelImages.fileOfKernel();
        for (int shared : new int[] {LaunchGeometry.LEAST_SHARED_BYTES, LaunchGeometry.MOST_SHARED_BYTES, 227 << 10}) {
            for (int headDim = 1; headDim <= AttentionKernels.MOST_HEAD_DIM; headDim++) {
                List<Launch> all = launches(headDim, shared);
                assertEquals(4, all.size());
                for (Launch launch : all) {
                    assertTrue(launch.sharedBytes() <= shared, launch + " of heads of " + headDim);
                    assertTrue(files.containsKey(launch.kernel()), launch.kernel());
                }
            }
        }
    }

    @Test
    void tilesAreHalvedWhereTheyWouldNotFit() {
        for (int headDim = 1; headDim <= AttentionKernels.MOST_HEAD_DIM; headDim++) {
            assertTrue(launches(headDim, LaunchGeometry.MOST_SHARED_BYTES).stream()
                    .noneMatch(launch -> launch.kernel().endsWith("_short")));
        }
        assertEquals(List.of(165, 256), halved("attention"));
        assertEquals(List.of(109, 128, 253, 256), halved("query_gradient"));
        assertEquals(List.of(77, 128, 189, 256), halved("key_value_gradient"));
    }

    /** From which to which columns of a head, both included, tiles have half the rows where blocks share least. */
    private static List<Integer> halved(String kernel) {
        boolean[] halved = new boolean[AttentionKernels.MOST_HEAD_DIM + 2];
        IntStream.rangeClosed(1, AttentionKernels.MOST_HEAD_DIM)
                .forEach(headDim -> halved[headDim] = launches(headDim, LaunchGeometry.LEAST_SHARED_BYTES).stream()
                        .anyMatch(launch -> launch.kernel().startsWith(kernel + "_")
                                && launch.kernel().endsWith("_short")));
        return IntStream.rangeClosed(1, AttentionKernels.MOST_HEAD_DIM)
                .filter(headDim -> halved[headDim] && (!halved[headDim - 1] || !halved[headDim + 1]))
                .boxed()
                .toList();
    }

    /** The numbers that the kernels' heads and this class's give. */
    @Test
    void sharedMemoryIsAsStated() {
        assertEquals(
                84_992,
                AttentionTiling.of("attention", 2, 64, 128, LaunchGeometry.MOST_SHARED_BYTES)
                        .sharedBytes());
        assertEquals(
                150_528,
                AttentionTiling.of("attention", 2, 64, 256, LaunchGeometry.MOST_SHARED_BYTES)
                        .sharedBytes());
        assertEquals(
                new AttentionTiling("attention_256_short", 32, 71_168),
                AttentionTiling.of("attention", 2, 64, 256, LaunchGeometry.LEAST_SHARED_BYTES));
        int[][] ofGradients = {{64, 128, 118_784, 152_576, 55_296, 72_192}, {32, 256, 104_448, 137_728, 51_200, 67_840}
        };
        for (int[] at : ofGradients) {
            for (int i = 0; i < 2; i++) {
                String name = i == 0 ? "query_gradient" : "key_value_gradient";
                assertEquals(
                        new AttentionTiling(name + "_" + at[1], at[0], at[2 + i]),
                        AttentionTiling.of(name, 3 + i, at[0], at[1], LaunchGeometry.MOST_SHARED_BYTES));
                assertEquals(
                        new AttentionTiling(name + "_" + at[1] + "_short", at[0] / 2, at[4 + i]),
                        AttentionTiling.of(name, 3 + i, at[0], at[1], LaunchGeometry.LEAST_SHARED_BYTES));
            }
        }
    }
}
