package io.cospadi.factorization;

import java.util.Random;

/** Dense f64 algebra by plain loops over {@code double[rows][cols]}, written from the formulas: the tests' reference. */
final class Plain {
    private Plain() {}

    static double[][] gaussian(int rows, int cols, Random random) {
        double[][] a = new double[rows][cols];
        for (double[] row : a) {
            for (int j = 0; j < cols; j++) {
                row[j] = (float) random.nextGaussian();
            }
        }
        return a;
    }

    static double[][] product(double[][] a, double[][] b) {
        double[][] c = new double[a.length][b.length == 0 ? 0 : b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int l = 0; l < b.length; l++) {
                for (int j = 0; j < c[i].length; j++) {
                    c[i][j] += a[i][l] * b[l][j];
                }
            }
        }
        return c;
    }

    static double[][] transpose(double[][] a) {
        double[][] t = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < t.length; j++) {
                t[j][i] = a[i][j];
            }
        }
        return t;
    }

    static double[][] minus(double[][] a, double[][] b) {
        double[][] c = new double[a.length][];
        for (int i = 0; i < a.length; i++) {
            c[i] = a[i].clone();
            for (int j = 0; j < c[i].length; j++) {
                c[i][j] -= b[i][j];
            }
        }
        return c;
    }

    static double dot(double[][] a, double[][] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                sum += a[i][j] * b[i][j];
            }
        }
        return sum;
    }

    /** {@code tr(A G Aᵀ)}. */
    static double energy(double[][] a, double[][] gram) {
        return dot(a, product(a, gram));
    }

    static double[] flat(double[][] a) {
        int cols = a.length == 0 ? 0 : a[0].length;
        double[] flat = new double[a.length * cols];
        for (int i = 0; i < a.length; i++) {
            System.arraycopy(a[i], 0, flat, i * cols, cols);
        }
        return flat;
    }

    static float[] floats(double[][] a) {
        double[] flat = flat(a);
        float[] floats = new float[flat.length];
        for (int i = 0; i < flat.length; i++) {
            floats[i] = (float) flat[i];
        }
        return floats;
    }

    static double[][] matrix(int rows, int cols, float[] values) {
        double[][] a = new double[rows][cols];
        for (int i = 0; i < values.length; i++) {
            a[i / cols][i % cols] = values[i];
        }
        return a;
    }

    static double[][] matrix(int rows, int cols, double[] values) {
        double[][] a = new double[rows][cols];
        for (int i = 0; i < values.length; i++) {
            a[i / cols][i % cols] = values[i];
        }
        return a;
    }
}
