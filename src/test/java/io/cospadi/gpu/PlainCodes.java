package io.cospadi.gpu;

import io.cospadi.tensor.Codes;
import java.util.Random;

/** Random codes for tests of packed ones, and their products by loops in f64. */
final class PlainCodes {
    private PlainCodes() {}

    /**
     * {@code stored} atoms at random of every {@code group} neighbouring ones, the group's size dividing k; values of so many
     * upper bits, a tenth of them 0.
     */
    static Codes random(Random random, int rows, int k, int stored, int group, int bits) {
        int s = k / group * stored;
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        for (int i = 0; i < rows * s; i += stored) {
            int first = i % s / stored * group;
            int[] chosen = random.ints(first, first + group)
                    .distinct()
                    .limit(stored)
                    .sorted()
                    .toArray();
            System.arraycopy(chosen, 0, atoms, i, stored);
        }
        for (int i = 0; i < rows * s; i++) {
            float value = random.nextInt(10) == 0 ? 0 : (float) random.nextGaussian();
            values[i] = Float.intBitsToFloat(Float.floatToRawIntBits(value) & -1 << 32 - bits);
        }
        return new Codes(rows, k, s, atoms, values);
    }

    /**
     * {@code y (tokens, rows) <- before + z (tokens, k) · codesᵀ}.
     *
     * @param values     y
     * @param magnitudes what |z|, |codes| and |before| give: roundings of y are shares of it
     */
    record Product(double[] values, double[] magnitudes) {
        static Product of(Codes codes, float[] z, float[] before) {
            int k = codes.k();
            int s = codes.s();
            double[] values = new double[before.length];
            double[] magnitudes = new double[before.length];
            for (int i = 0; i < before.length; i++) {
                int token = i / codes.rows();
                int row = i % codes.rows();
                values[i] = before[i];
                magnitudes[i] = Math.abs(before[i]);
                for (int p = row * s; p < (row + 1) * s; p++) {
                    double product = (double) z[token * k + codes.atoms()[p]] * codes.values()[p];
                    values[i] += product;
                    magnitudes[i] += Math.abs(product);
                }
            }
            return new Product(values, magnitudes);
        }

        /** How far a sum of that many roundings may be off. */
        double[] allowance(int roundings) {
            double[] allowance = new double[magnitudes.length];
            for (int i = 0; i < allowance.length; i++) {
                allowance[i] = roundings * AbstractKernelTest.ROUNDING * 1.001 * magnitudes[i]
                        + AbstractKernelTest.SMALLEST_NORMAL;
            }
            return allowance;
        }
    }
}
