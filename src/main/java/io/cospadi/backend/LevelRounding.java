package io.cospadi.backend;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.LevelGrid;
import java.util.Arrays;

/** Rounding to levels, a tile of columns or a row of codes at a time, tiles and rows in parallel. */
final class LevelRounding {
    /** Columns of a tile: with {@link RoundingVerbs#MOST_FED_ROWS} rows it stays in a worker's cache. */
    private static final int TILE = 64;

    private final Workers workers;

    LevelRounding(Workers workers) {
        this.workers = workers;
    }

    @FunctionalInterface
    private interface Tile {
        void run(int column, int count, Scratch scratch);
    }

    private void tiles(int cols, Tile tile) {
        workers.run((cols + TILE - 1) / TILE, (number, scratch) -> {
            int column = number * TILE;
            tile.run(column, Math.min(TILE, cols - column), scratch);
        });
    }

    /** As {@link RoundingVerbs#chooseScales}. */
    void chooseScales(NativeMatrix values, int groupSize, int bits, NativeMatrix scales) {
        int n = values.rows();
        int m = values.cols();
        int length = groupSize == 0 ? n : Math.min(n, groupSize);
        tiles(m, (column, count, scratch) -> {
            double[] tile = scratch.doubles(0, length * count);
            double[] own = scratch.doubles(1, length);
            float[] chosen = scratch.floats(0, count);
            for (int group = 0; group < scales.rows(); group++) {
                int from = group * length;
                int size = Math.min(length, n - from);
                getTile(values, from, size, column, tile, count);
                for (int c = 0; c < count; c++) {
                    for (int i = 0; i < size; i++) {
                        own[i] = tile[i * count + c];
                    }
                    chosen[c] = Bfloat16.toFloat(LevelGrid.scaleFor(own, 0, size, bits));
                }
                scales.put((long) group * m + column, chosen, count);
            }
        });
    }

    private static void getTile(NativeMatrix matrix, int row, int rows, int column, double[] tile, int count) {
        for (int i = 0; i < rows; i++) {
            matrix.get((long) (row + i) * matrix.cols() + column, tile, i * count, count);
        }
    }

    /** As {@link RoundingVerbs#roundWithFeedback}. */
    void roundWithFeedback(
            NativeMatrix values,
            NativeMatrix wanted,
            NativeMatrix feedback,
            int from,
            int bits,
            NativeMatrix scales,
            NativeMatrix levels) {
        int b = values.rows();
        int m = values.cols();
        double[] fed = new double[b * b];
        for (int j = 0; j < b; j++) {
            feedback.get((long) j * feedback.cols() + from, fed, j * b, b);
        }
        tiles(m, (column, count, scratch) -> {
            double[] sums = scratch.doubles(0, b * count);
            double[] errors = scratch.doubles(1, count);
            float[] scale = scratch.floats(0, count);
            float[] level = scratch.floats(1, count);
            getTile(wanted, 0, b, column, sums, count);
            scales.get(column, scale, count);
            for (int j = b - 1; j >= 0; j--) {
                long at = (long) j * m + column;
                values.get(at, errors, count);
                for (int c = 0; c < count; c++) {
                    level[c] = LevelGrid.round(sums[j * count + c], scale[c], bits);
                    errors[c] -= level[c];
                }
                levels.put(at, level, count);
                values.put(at, errors, count);
                for (int i = 0; i < j; i++) {
                    add(fed[j * b + i], errors, sums, i * count, count);
                }
            }
        });
    }

    private static void add(double factor, double[] from, double[] to, int offset, int count) {
        for (int c = 0; c < count; c++) {
            to[offset + c] += factor * from[c];
        }
    }

    /** As {@link RoundingVerbs#markStored}. */
    void markStored(NativeMatrix codes, int kept, int group, NativeMatrix support) {
        int k = codes.cols();
        workers.run(codes.rows(), (row, scratch) -> {
            float[] marks = scratch.floats(0, k);
            codes.get((long) row * k, marks, k);
            for (int from = 0; from < k; from += group) {
                mark(marks, from, from + group, kept);
            }
            support.put((long) row * k, marks, k);
        });
    }

    private static void mark(float[] marks, int from, int to, int kept) {
        int used = 0;
        for (int j = from; j < to; j++) {
            used += marks[j] != 0 ? 1 : 0;
        }
        int spare = kept - used;
        int left = kept;
        for (int j = from; j < to; j++) {
            boolean fills = marks[j] == 0 && spare-- > 0;
            marks[j] = (fills || marks[j] != 0) && left-- > 0 ? 1 : 0;
        }
    }

    /** As {@link RoundingVerbs#roundOnSupport}. */
    void roundOnSupport(
            NativeMatrix gram,
            NativeMatrix support,
            NativeMatrix residuals,
            NativeMatrix codes,
            int s,
            int groupSize,
            int bits,
            NativeMatrix scales) {
        int k = codes.cols();
        int length = groupSize == 0 ? s : groupSize;
        workers.run(codes.rows(), (i, scratch) -> {
            long at = (long) i * k;
            int[] atoms = scratch.ints(0, s);
            double[] values = scratch.doubles(0, s);
            float[] scaleOf = scratch.floats(0, s);
            float[] dense = scratch.floats(1, k);
            float[] residual = scratch.floats(2, k);
            support.get(at, residual, k);
            codes.get(at, dense, k);
            int count = gather(residual, dense, k, atoms, values, s);
            for (int group = 0; group < scales.cols(); group++) {
                int from = Math.min(count, group * length);
                int to = Math.min(count, from + length);
                float scale = Bfloat16.toFloat(LevelGrid.scaleFor(values, from, to, bits));
                scales.setFloat((long) i * scales.cols() + group, scale);
                Arrays.fill(scaleOf, from, to, scale);
            }
            residuals.get(at, residual, k);
            boolean changed = true;
            for (int sweep = 0; sweep < RoundingVerbs.MOST_SWEEPS && changed; sweep++) {
                changed = sweep(gram, atoms, count, sweep == 0, values, scaleOf, bits, residual, scratch.floats(3, k));
            }
            for (int p = 0; p < count; p++) {
                dense[atoms[p]] = (float) values[p];
            }
            codes.put(at, dense, k);
            residuals.put(at, residual, k);
        });
    }

    /** The codes that are marked, at most s, and their atoms; how many. */
    private static int gather(float[] marks, float[] dense, int k, int[] atoms, double[] values, int s) {
        int count = 0;
        for (int j = 0; j < k && count < s; j++) {
            if (marks[j] != 0) {
                atoms[count] = j;
                values[count++] = dense[j];
            }
        }
        return count;
    }

    /** Whether a code changed. */
    private static boolean sweep(
            NativeMatrix gram,
            int[] atoms,
            int count,
            boolean first,
            double[] values,
            float[] scaleOf,
            int bits,
            float[] residual,
            float[] products) {
        int k = gram.cols();
        boolean changed = false;
        for (int p = 0; p < count; p++) {
            int atom = atoms[p];
            float energy = gram.getFloat((long) atom * k + atom);
            double wanted = energy > 0 ? values[p] + residual[atom] / energy : values[p];
            float level = LevelGrid.round(wanted, scaleOf[p], bits);
            // a level is rounded to bf16, so the one of the nearest pattern need not be nearer than where the code is
            if (first ? level != values[p] : Math.abs(wanted - level) < Math.abs(wanted - values[p])) {
                gram.get((long) atom * k, products, k);
                subtract((float) (level - values[p]), products, residual, k);
                values[p] = level;
                changed = true;
            }
        }
        return changed;
    }

    private static void subtract(float factor, float[] from, float[] residual, int k) {
        for (int j = 0; j < k; j++) {
            residual[j] -= factor * from[j];
        }
    }
}
