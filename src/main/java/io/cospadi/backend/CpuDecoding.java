package io.cospadi.backend;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas;

/** {@link DecoderVerbs} on the CPU. Shapes have been checked. */
final class CpuDecoding {
    /** Queries of one attention tile. */
    private static final int QUERY_TILE = 64;

    /** Rows of codes unpacked at a time for a product with many tokens. */
    private static final int CODE_TILE = 128;

    /** Up to this many tokens the packed codes are used directly. */
    private static final int FEW_TOKENS = 4;

    private final Workers workers;

    CpuDecoding(Workers workers) {
        this.workers = workers;
    }

    void multiplyCodes(CpuMatrix z, CpuCodes codes, CpuMatrix out) {
        int tokens = z.rows();
        int k = z.cols();
        if (tokens == 0 || codes.rows() == 0) {
            return;
        }
        if (tokens <= FEW_TOKENS) {
            float[] inputs = new float[tokens * k];
            z.floatRows(0, tokens).get(0, inputs);
            workers.run(codes.rows(), 16, (from, to, worker) -> {
                float[] part = new float[to - from];
                for (int n = 0; n < tokens; n++) {
                    for (int i = from; i < to; i++) {
                        part[i - from] = codes.dot(i, inputs, n * k);
                    }
                    out.floatRows(n, 1).put(from, part);
                }
            });
            return;
        }
        workers.run(codes.rows(), CODE_TILE, (from, to, worker) -> {
            float[] dense = new float[CODE_TILE * k];
            try (FloatPointer tile = new FloatPointer((long) CODE_TILE * k)) {
                for (int first = from; first < to; first += CODE_TILE) {
                    int count = Math.min(CODE_TILE, to - first);
                    Arrays.fill(dense, 0);
                    for (int i = 0; i < count; i++) {
                        codes.unpack(first + i, dense, i * k);
                    }
                    tile.put(dense, 0, count * k);
                    openblas.cblas_sgemm(
                            CblasRowMajor,
                            CblasNoTrans,
                            CblasTrans,
                            tokens,
                            count,
                            k,
                            1,
                            z.floats(0),
                            k,
                            tile,
                            k,
                            0,
                            out.floats(first),
                            out.cols());
                }
            }
        });
    }

    void rmsNorm(CpuMatrix x, CpuMatrix weight, double eps, CpuMatrix out) {
        int cols = x.cols();
        int group = weight.cols();
        float[] scale = new float[group];
        weight.floatRows(0, 1).get(0, scale);
        workers.run(x.rows(), 4, (from, to, worker) -> {
            float[] row = new float[cols];
            for (int i = from; i < to; i++) {
                x.floatRows(i, 1).get(0, row);
                for (int start = 0; start < cols; start += group) {
                    double squares = 0;
                    for (int j = 0; j < group; j++) {
                        squares += (double) row[start + j] * row[start + j];
                    }
                    float factor = (float) (1 / Math.sqrt(squares / group + eps));
                    for (int j = 0; j < group; j++) {
                        row[start + j] = row[start + j] * factor * scale[j];
                    }
                }
                out.floatRows(i, 1).put(0, row);
            }
        });
    }

    void rotate(CpuMatrix x, CpuMatrix cos, CpuMatrix sin, int firstPosition) {
        int cols = x.cols();
        int half = cos.cols();
        workers.run(x.rows(), 4, (from, to, worker) -> {
            float[] row = new float[cols];
            float[] c = new float[half];
            float[] s = new float[half];
            for (int i = from; i < to; i++) {
                FloatBuffer buffer = x.floatRows(i, 1);
                buffer.get(0, row);
                cos.floatRows(firstPosition + i, 1).get(0, c);
                sin.floatRows(firstPosition + i, 1).get(0, s);
                for (int head = 0; head < cols; head += 2 * half) {
                    for (int j = 0; j < half; j++) {
                        float a = row[head + j];
                        float b = row[head + half + j];
                        row[head + j] = a * c[j] - b * s[j];
                        row[head + half + j] = b * c[j] + a * s[j];
                    }
                }
                buffer.put(0, row);
            }
        });
    }

    void attention(
            CpuMatrix queries,
            CpuMatrix keys,
            CpuMatrix values,
            int heads,
            int headDim,
            int firstPosition,
            int window,
            CpuMatrix out) {
        int tokens = queries.rows();
        int groupSize = heads / (keys.cols() / headDim);
        int tiles = (tokens + QUERY_TILE - 1) / QUERY_TILE;
        // tiles of late queries cost most: neighbouring tasks alternate between heads, so that parts stay about equal
        workers.run(tiles * heads, 1, (from, to, worker) -> {
            int most = firstPosition + tokens;
            try (FloatPointer scores = new FloatPointer((long) QUERY_TILE * most)) {
                float[] row = new float[most];
                for (int task = from; task < to; task++) {
                    int head = task / tiles;
                    int first = task % tiles * QUERY_TILE;
                    attend(
                            queries,
                            keys,
                            values,
                            head * headDim,
                            head / groupSize * headDim,
                            headDim,
                            first,
                            Math.min(QUERY_TILE, tokens - first),
                            firstPosition,
                            window,
                            scores,
                            row,
                            out);
                }
            }
        });
    }

    /** One head's queries first .. first+count-1 against all the keys that any of them sees. */
    private static void attend(
            CpuMatrix queries,
            CpuMatrix keys,
            CpuMatrix values,
            int queryColumn,
            int keyColumn,
            int headDim,
            int first,
            int count,
            int firstPosition,
            int window,
            FloatPointer scores,
            float[] row,
            CpuMatrix out) {
        int lowest = (int) Math.max(0L, (long) firstPosition + first - window + 1);
        int span = firstPosition + first + count - lowest;
        float scale = (float) (1 / Math.sqrt(headDim));
        openblas.cblas_sgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasTrans,
                count,
                span,
                headDim,
                scale,
                queries.floats((long) first * queries.cols() + queryColumn),
                queries.cols(),
                keys.floats((long) lowest * keys.cols() + keyColumn),
                keys.cols(),
                0,
                scores,
                span);
        FloatBuffer buffer = scores.asBuffer();
        for (int i = 0; i < count; i++) {
            int position = firstPosition + first + i;
            int seenFrom = (int) Math.max(0L, (long) position - window + 1) - lowest;
            int seenTo = position - lowest + 1;
            buffer.get(i * span, row, 0, span);
            softmax(row, seenFrom, seenTo);
            Arrays.fill(row, 0, seenFrom, 0);
            Arrays.fill(row, seenTo, span, 0);
            buffer.put(i * span, row, 0, span);
        }
        openblas.cblas_sgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasNoTrans,
                count,
                headDim,
                span,
                1,
                scores,
                span,
                values.floats((long) lowest * values.cols() + keyColumn),
                values.cols(),
                0,
                out.floats((long) first * out.cols() + queryColumn),
                out.cols());
    }

    private static void softmax(float[] row, int from, int to) {
        float most = row[from];
        for (int j = from; j < to; j++) {
            most = Math.max(most, row[j]);
        }
        float sum = 0;
        for (int j = from; j < to; j++) {
            row[j] = FastExp.exp(row[j] - most);
            sum += row[j];
        }
        float factor = 1 / sum;
        for (int j = from; j < to; j++) {
            row[j] *= factor;
        }
    }

    void siluMultiply(CpuMatrix gate, CpuMatrix up) {
        int cols = gate.cols();
        workers.run(gate.rows(), 1, (from, to, worker) -> {
            float[] g = new float[cols];
            float[] u = new float[cols];
            for (int i = from; i < to; i++) {
                FloatBuffer buffer = gate.floatRows(i, 1);
                buffer.get(0, g);
                up.floatRows(i, 1).get(0, u);
                for (int j = 0; j < cols; j++) {
                    g[j] = g[j] / (1 + FastExp.exp(-g[j])) * u[j];
                }
                buffer.put(0, g);
            }
        });
    }

    void addBias(CpuMatrix x, CpuMatrix bias) {
        workers.run(x.rows(), 4, (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                openblas.cblas_saxpy(x.cols(), 1, bias.floats(0), 1, x.floats((long) i * x.cols()), 1);
            }
        });
    }

    void logSoftmax(CpuMatrix logits) {
        int cols = logits.cols();
        workers.run(logits.rows(), 1, (from, to, worker) -> {
            float[] row = new float[cols];
            for (int i = from; i < to; i++) {
                FloatBuffer buffer = logits.floatRows(i, 1);
                buffer.get(0, row);
                double shift = logSumExp(row);
                for (int j = 0; j < cols; j++) {
                    row[j] = (float) (row[j] - shift);
                }
                buffer.put(0, row);
            }
        });
    }

    double[] negativeLogLikelihood(CpuMatrix logits, int[] targets) {
        int cols = logits.cols();
        double[] losses = new double[logits.rows()];
        workers.run(logits.rows(), 1, (from, to, worker) -> {
            float[] row = new float[cols];
            for (int i = from; i < to; i++) {
                logits.floatRows(i, 1).get(0, row);
                losses[i] = logSumExp(row) - row[targets[i]];
            }
        });
        return losses;
    }

    /** Terms in f32, summed in f64. */
    private static double logSumExp(float[] row) {
        float most = Float.NEGATIVE_INFINITY;
        for (float value : row) {
            most = Math.max(most, value);
        }
        double sum = 0;
        for (float value : row) {
            sum += FastExp.exp(value - most);
        }
        return most + Math.log(sum);
    }

    double[] klDivergence(CpuMatrix logP, CpuMatrix logQ) {
        int cols = logP.cols();
        double[] divergences = new double[logP.rows()];
        workers.run(logP.rows(), 1, (from, to, worker) -> {
            float[] p = new float[cols];
            float[] q = new float[cols];
            for (int i = from; i < to; i++) {
                logP.floatRows(i, 1).get(0, p);
                logQ.floatRows(i, 1).get(0, q);
                double sum = 0;
                for (int j = 0; j < cols; j++) {
                    sum += FastExp.exp(p[j]) * ((double) p[j] - q[j]);
                }
                divergences[i] = sum;
            }
        });
        return divergences;
    }

    int[] argmax(CpuMatrix matrix) {
        int cols = matrix.cols();
        int[] best = new int[matrix.rows()];
        workers.run(matrix.rows(), 1, (from, to, worker) -> {
            float[] row = new float[cols];
            for (int i = from; i < to; i++) {
                matrix.floatRows(i, 1).get(0, row);
                for (int j = 1; j < cols; j++) {
                    if (row[j] > row[best[i]]) {
                        best[i] = j;
                    }
                }
            }
        });
        return best;
    }
}
