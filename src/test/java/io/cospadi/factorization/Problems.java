package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.util.Random;

/** Small random problems on a backend, with their plain-loop doubles. */
final class Problems implements AutoCloseable {
    final double[][] w;
    final double[][] gram;
    final Problem problem;

    private Problems(Backend backend, double[][] w, double[][] gram) {
        this.w = w;
        this.gram = gram;
        Matrix weight = backend.allocate(w.length, w[0].length, DType.F32);
        backend.write(weight, Plain.floats(w));
        Matrix metric = backend.allocate(gram.length, gram.length, DType.F64);
        backend.write(metric, Plain.flat(gram));
        problem = new Problem("test", weight, metric);
    }

    static Problems of(Backend backend, double[][] w, double[][] gram) {
        return new Problems(backend, w, gram);
    }

    /** W of correlated rows, G of n tokens whose channels have scales from 1 to {@code spread}; n below d1: singular. */
    static Problems random(Backend backend, int d1, int d2, int n, double spread, long seed) {
        Random random = new Random(seed);
        double[][] x = Plain.product(Plain.gaussian(n, d1, random), mixing(d1, random));
        for (double[] row : x) {
            for (int j = 0; j < d1; j++) {
                row[j] *= Math.pow(spread, j / (double) Math.max(1, d1 - 1));
            }
        }
        double[][] w = Plain.product(Plain.gaussian(d2, d1, random), mixing(d1, random));
        return new Problems(backend, Plain.matrix(d2, d1, Plain.floats(w)), Plain.product(Plain.transpose(x), x));
    }

    /** A square matrix with decaying rows, so that directions matter unequally, as in a trained network. */
    private static double[][] mixing(int d, Random random) {
        double[][] a = Plain.gaussian(d, d, random);
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < d; j++) {
                a[i][j] *= Math.pow(1 + i, -0.7);
            }
        }
        return a;
    }

    /** The relative error of stored factors by plain loops, from their definition. */
    double error(Factors factors) {
        double[][] lost = Plain.minus(w, dense(factors));
        return Plain.energy(lost, gram) / Plain.energy(w, gram);
    }

    /** Ŵ in doubles. */
    static double[][] dense(Factors factors) {
        if (factors instanceof LowRankFactors lowRank) {
            return Plain.product(
                    widen(lowRank.d2(), lowRank.r(), lowRank.up()), widen(lowRank.r(), lowRank.d1(), lowRank.down()));
        }
        if (factors instanceof RoundedWeight rounded) {
            return widen(rounded.d2(), rounded.d1(), rounded.levels().values());
        }
        SparseFactors sparse = (SparseFactors) factors;
        double[][] codes = new double[sparse.d2()][sparse.codes().k()];
        for (int p = 0; p < sparse.codes().values().length; p++) {
            codes[p / sparse.codes().s()][sparse.codes().atoms()[p]] =
                    sparse.codes().values()[p];
        }
        return Plain.product(codes, widen(sparse.codes().k(), sparse.d1(), sparse.dictionary()));
    }

    private static double[][] widen(int rows, int cols, short[] bfloat16) {
        double[][] a = new double[rows][cols];
        for (int i = 0; i < bfloat16.length; i++) {
            a[i / cols][i % cols] = Bfloat16.toFloat(bfloat16[i]);
        }
        return a;
    }

    @Override
    public void close() {
        problem.weight().close();
        problem.gram().close();
    }
}
