package io.cospadi.tensor;

/**
 * Sparse codes of one projection in host memory: {@code rows} rows over {@code k} atoms with exactly {@code s} stored
 * positions in each row. Row i's positions are {@code atoms[i*s .. i*s+s-1]}, strictly ascending, and its values
 * {@code values[i*s .. i*s+s-1]}; a stored value may be zero and keeps its position.
 *
 * @param rows   output features d2
 * @param k      atoms
 * @param s      stored positions a row, {@code 1 <= s <= k}
 * @param atoms  {@code rows * s} atom indices; shared, not copied
 * @param values {@code rows * s} values; shared, not copied
 */
public record Codes(int rows, int k, int s, int[] atoms, float[] values) {
    public Codes {
        if (rows < 0 || s < 1 || s > k) {
            throw new IllegalArgumentException("need 1 <= s <= k, got s=" + s + ", k=" + k + ", rows=" + rows);
        }
        long stored = (long) rows * s;
        if (atoms.length != stored || values.length != stored) {
            throw new IllegalArgumentException("codes of " + rows + " rows with s=" + s + " hold " + stored
                    + " positions, got " + atoms.length + " atoms and " + values.length + " values");
        }
        for (int i = 0; i < rows; i++) {
            int previous = -1;
            for (int p = i * s; p < i * s + s; p++) {
                if (atoms[p] <= previous || atoms[p] >= k) {
                    throw new IllegalArgumentException("row " + i + " of the codes names atom " + atoms[p] + " after "
                            + previous + "; atoms ascend within 0.." + (k - 1));
                }
                previous = atoms[p];
            }
        }
    }
}
