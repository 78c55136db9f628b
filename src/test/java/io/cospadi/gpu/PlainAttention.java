package io.cospadi.gpu;

/**
 * Causal grouped-query attention and its gradients in plain f64 loops, a pair of query and key at a time; beside each result
 * the same sum with magnitudes in place of its terms, which rounding errors are measured by.
 *
 * @param first position of query 0
 */
record PlainAttention(int n, int heads, int kvHeads, int headDim, int first, int window) {
    /** Relative error of an f32 exp, with room for the rounding of its argument. */
    private static final double EXP = 4e-7;

    int queryAt(int i, int head) {
        return (i * heads + head) * headDim;
    }

    int keyAt(int j, int head) {
        return (j * kvHeads + head / (heads / kvHeads)) * headDim;
    }

    /** Error of a weight relative to itself: scores up to 10 carry that of a product of headDim terms, the sum one a key. */
    double relativeError() {
        double u = AbstractKernelTest.ROUNDING;
        return 2 * (EXP + 10 * (headDim + 4) * u + (first + n + 4) * u);
    }

    /** Attention weights of a query over all positions, and behind them the logarithm of the sum of exp(score). */
    double[] weights(float[] q, float[] k, int i, int head) {
        double[] weights = new double[first + n + 1];
        double total = 0;
        for (int j = (int) Math.max(0, (long) first + i - window + 1); j <= first + i; j++) {
            double score = 0;
            for (int l = 0; l < headDim; l++) {
                score += (double) q[queryAt(i, head) + l] * k[keyAt(j, head) + l];
            }
            weights[j] = Math.exp(score / Math.sqrt(headDim));
            total += weights[j];
        }
        for (int j = 0; j < first + n; j++) {
            weights[j] /= total;
        }
        weights[first + n] = Math.log(total);
        return weights;
    }

    /** The output and its sums of magnitudes; then the logarithms of the sums of exp(score), (n, heads). */
    double[][] forward(float[] q, float[] k, float[] v) {
        double[][] out = {new double[q.length], new double[q.length], new double[n * heads]};
        for (int i = 0; i < n; i++) {
            for (int head = 0; head < heads; head++) {
                double[] weights = weights(q, k, i, head);
                out[2][i * heads + head] = weights[first + n];
                for (int j = 0; j <= first + i; j++) {
                    for (int l = 0; weights[j] > 0 && l < headDim; l++) {
                        out[0][queryAt(i, head) + l] += weights[j] * v[keyAt(j, head) + l];
                        out[1][queryAt(i, head) + l] += weights[j] * Math.abs(v[keyAt(j, head) + l]);
                    }
                }
            }
        }
        return out;
    }

    /** From position 0 on, the gradients at q, k and v; then their sums of magnitudes. */
    double[][] gradients(float[] q, float[] k, float[] v, float[] gradient) {
        double[][] sums = {
            new double[q.length], new double[k.length], new double[k.length],
            new double[q.length], new double[k.length], new double[k.length]
        };
        for (int i = 0; i < n; i++) {
            for (int head = 0; head < heads; head++) {
                addPairs(q, k, v, gradient, i, head, sums);
            }
        }
        return sums;
    }

    private void addPairs(float[] q, float[] k, float[] v, float[] gradient, int i, int head, double[][] sums) {
        double[] weights = weights(q, k, i, head);
        double[] slopes = new double[i + 1];
        double[] sizes = new double[i + 1];
        double mean = 0;
        double meanSize = 0;
        int query = queryAt(i, head);
        for (int j = 0; j <= i; j++) {
            int key = keyAt(j, head);
            for (int l = 0; l < headDim; l++) {
                double term = (double) gradient[query + l] * v[key + l];
                slopes[j] += term;
                sizes[j] += Math.abs(term);
                sums[2][key + l] += weights[j] * gradient[query + l];
                sums[5][key + l] += weights[j] * Math.abs(gradient[query + l]);
            }
            mean += weights[j] * slopes[j];
            meanSize += weights[j] * sizes[j];
        }
        for (int j = 0; j <= i; j++) {
            int key = keyAt(j, head);
            double slope = weights[j] * (slopes[j] - mean) / Math.sqrt(headDim);
            double size = weights[j] * (sizes[j] + meanSize) / Math.sqrt(headDim);
            for (int l = 0; l < headDim; l++) {
                sums[0][query + l] += slope * k[key + l];
                sums[1][key + l] += slope * q[query + l];
                sums[3][query + l] += size * Math.abs(k[key + l]);
                sums[4][key + l] += size * Math.abs(q[query + l]);
            }
        }
    }
}
