package io.cospadi.backend;

import java.util.concurrent.atomic.AtomicLong;

/**
 * One worker's reusable arrays and native memory, by slot. What a task finds in them is left over from other tasks. An array
 * may be longer than asked for.
 */
final class Scratch implements AutoCloseable {
    private static final int SLOTS = 6;

    private final float[][] floats = new float[SLOTS][0];
    private final double[][] doubles = new double[SLOTS][0];
    private final int[][] ints = new int[SLOTS][0];
    private final short[][] shorts = new short[SLOTS][0];
    private final NativeBlock[] blocks = new NativeBlock[SLOTS];

    float[] floats(int slot, int length) {
        if (floats[slot].length < length) {
            floats[slot] = new float[grown(length)];
        }
        return floats[slot];
    }

    double[] doubles(int slot, int length) {
        if (doubles[slot].length < length) {
            doubles[slot] = new double[grown(length)];
        }
        return doubles[slot];
    }

    int[] ints(int slot, int length) {
        if (ints[slot].length < length) {
            ints[slot] = new int[grown(length)];
        }
        return ints[slot];
    }

    short[] shorts(int slot, int length) {
        if (shorts[slot].length < length) {
            shorts[slot] = new short[grown(length)];
        }
        return shorts[slot];
    }

    /** Native memory for at least {@code count} f32 values. */
    NativeBlock nativeFloats(int slot, long count) {
        NativeBlock block = blocks[slot];
        if (block == null || block.bytes() < count * Float.BYTES) {
            if (block != null) {
                block.close();
            }
            // not a matrix: its bytes are nobody's leak
            block = new NativeBlock(Math.max(4096, count * Float.BYTES), new AtomicLong()).ofFloats();
            blocks[slot] = block;
        }
        return block;
    }

    private static int grown(int length) {
        return (int) Math.min(Integer.MAX_VALUE - 8, Math.max(1024L, length + length / 8L));
    }

    @Override
    public void close() {
        for (int i = 0; i < SLOTS; i++) {
            if (blocks[i] != null) {
                blocks[i].close();
                blocks[i] = null;
            }
        }
    }
}
