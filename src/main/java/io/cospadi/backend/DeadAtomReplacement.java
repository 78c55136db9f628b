package io.cospadi.backend;

import java.util.Comparator;
import java.util.stream.IntStream;

/** Worst-coded rows in the place of atoms that no code uses; rare, so by plain loops. */
final class DeadAtomReplacement {
    private DeadAtomReplacement() {}

    /** As {@link SparseCodingVerbs#replaceUnused}. */
    static void run(
            NativeMatrix usage,
            NativeMatrix rowErrors,
            NativeMatrix target,
            NativeMatrix codes,
            NativeMatrix dictionary,
            NativeMatrix previous,
            NativeMatrix replaced) {
        int k = codes.cols();
        int r = target.cols();
        int[] unused = IntStream.range(0, k)
                .filter(atom -> !(usage.getFloat(atom) > 0))
                .toArray();
        if (unused.length == 0) {
            return;
        }
        int[] worst = worstFirst(rowErrors);
        int count = Math.min(unused.length, worst.length);
        float[] signal = new float[r];
        for (int i = 0; i < count; i++) {
            target.get((long) worst[i] * r, signal, r);
            dictionary.put((long) unused[i] * r, signal, r);
            previous.put((long) unused[i] * r, signal, r);
            float[] alone = new float[k];
            alone[unused[i]] = 1;
            codes.put((long) worst[i] * k, alone, k);
        }
        replaced.setDouble(0, replaced.getDouble(0) + count);
    }

    /** Ties by row, as the sort is stable; NaN, which is greater than all to it, last. Zeros are equal whatever their sign. */
    private static int[] worstFirst(NativeMatrix rowErrors) {
        return IntStream.range(0, rowErrors.cols())
                .boxed()
                .sorted(Comparator.comparingDouble(row -> 0.0 - rowErrors.getDouble(row)))
                .mapToInt(Integer::intValue)
                .toArray();
    }
}
