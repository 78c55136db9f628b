package io.cospadi.backend;

/** A Gauss–Seidel sweep over the codes of a few atoms, a tile of signals at a time, tiles in parallel. */
final class CodeSweep {
    /** Signals of a tile: with all its atoms it stays in a worker's cache. */
    private static final int TILE = 256;

    private final Workers workers;

    CodeSweep(Workers workers) {
        this.workers = workers;
    }

    /** As {@link SparseCodingVerbs#sweepCodes}. */
    void run(NativeMatrix gram, NativeMatrix support, NativeMatrix changes) {
        int atoms = gram.rows();
        int n = changes.cols();
        if (atoms == 0) {
            return;
        }
        float[] products = new float[atoms * atoms];
        gram.get(0, products, products.length);
        workers.run((n + TILE - 1) / TILE, (number, scratch) -> {
            int from = number * TILE;
            int count = Math.min(TILE, n - from);
            float[] done = scratch.floats(0, atoms * TILE);
            float[] own = scratch.floats(1, TILE);
            float[] used = scratch.floats(2, TILE);
            for (int j = 0; j < atoms; j++) {
                long at = (long) j * n + from;
                changes.get(at, own, count);
                support.get(at, used, count);
                for (int l = 0; l < j; l++) {
                    subtract(products[j * atoms + l], done, l * TILE, own, count);
                }
                float length = products[j * atoms + j];
                for (int i = 0; i < count; i++) {
                    own[i] = used[i] != 0 && length > 0 ? own[i] / length : 0;
                }
                System.arraycopy(own, 0, done, j * TILE, count);
                changes.put(at, own, count);
            }
        });
    }

    private static void subtract(float factor, float[] from, int offset, float[] own, int count) {
        for (int i = 0; i < count; i++) {
            own[i] -= factor * from[offset + i];
        }
    }
}
