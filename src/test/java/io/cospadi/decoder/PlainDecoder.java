package io.cospadi.decoder;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * The forward pass once more, in plain f64 loops written from the architecture's formulas and without a backend: the reference
 * for Grams and for factored models. F32 and BF16 weights.
 */
public final class PlainDecoder {
    private final ModelConfig config;
    private final Map<String, double[][]> tensors = new HashMap<>();

    public PlainDecoder(Path folder) {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            config = checkpoint.config();
            checkpoint.tensors().values().forEach(tensor -> tensors.put(tensor.name(), read(checkpoint, tensor)));
        }
    }

    private static double[][] read(Checkpoint checkpoint, StoredTensor tensor) {
        ByteBuffer bytes = checkpoint.map(tensor, 0, tensor.rows());
        double[][] values = new double[tensor.rows()][tensor.cols()];
        for (double[] row : values) {
            for (int j = 0; j < row.length; j++) {
                row[j] = tensor.dtype() == DType.F32 ? bytes.getFloat() : Bfloat16.toFloat(bytes.getShort());
            }
        }
        return values;
    }

    /** Replaces a projection's weight (d2, d1). */
    public void replace(Projection projection, double[][] weight) {
        tensors.put(projection.weightName(), weight);
    }

    /** A projection's weight (d2, d1), to be changed in place. */
    public double[][] weight(Projection projection) {
        return tensors.get(projection.weightName());
    }

    /** Logits of every position; {@code listener} sees each site's name and input. */
    public double[][] logits(int[] ids, BiConsumer<String, double[][]> listener) {
        int n = ids.length;
        double[][] hidden = new double[n][];
        for (int i = 0; i < n; i++) {
            hidden[i] = tensors.get(ModelConfig.EMBEDDING)[ids[i]].clone();
        }
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            double[][] normed = norm(hidden, prefix + "input_layernorm.weight", config.hiddenSize());
            listener.accept(Projection.siteName(layer, InputSite.ATTENTION_INPUT), normed);
            double[][] q = apply(layer, ProjectionType.Q, normed);
            double[][] k = apply(layer, ProjectionType.K, normed);
            double[][] v = apply(layer, ProjectionType.V, normed);
            if (config.qkNorm()) {
                q = norm(q, prefix + "self_attn.q_norm.weight", config.headDim());
                k = norm(k, prefix + "self_attn.k_norm.weight", config.headDim());
            }
            rotate(q);
            rotate(k);
            double[][] attended = attention(q, k, v, config.slidingWindow()[layer]);
            listener.accept(Projection.siteName(layer, InputSite.ATTENTION_OUTPUT), attended);
            add(hidden, apply(layer, ProjectionType.O, attended));

            normed = norm(hidden, prefix + "post_attention_layernorm.weight", config.hiddenSize());
            listener.accept(Projection.siteName(layer, InputSite.MLP_INPUT), normed);
            double[][] gate = apply(layer, ProjectionType.GATE, normed);
            double[][] up = apply(layer, ProjectionType.UP, normed);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < gate[i].length; j++) {
                    gate[i][j] = gate[i][j] / (1 + Math.exp(-gate[i][j])) * up[i][j];
                }
            }
            listener.accept(Projection.siteName(layer, InputSite.MLP_HIDDEN), gate);
            add(hidden, apply(layer, ProjectionType.DOWN, gate));
        }
        double[][] normed = norm(hidden, ModelConfig.FINAL_NORM, config.hiddenSize());
        return product(normed, tensors.get(config.tiedEmbeddings() ? ModelConfig.EMBEDDING : ModelConfig.HEAD));
    }

    private double[][] apply(int layer, ProjectionType type, double[][] x) {
        Projection projection = config.projection(layer, type);
        double[][] y = product(x, tensors.get(projection.weightName()));
        if (config.hasBias(type)) {
            for (double[] row : y) {
                for (int j = 0; j < row.length; j++) {
                    row[j] += tensors.get(projection.biasName())[0][j];
                }
            }
        }
        return y;
    }

    private static double[][] product(double[][] x, double[][] weight) {
        double[][] y = new double[x.length][weight.length];
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < weight.length; j++) {
                for (int l = 0; l < weight[j].length; l++) {
                    y[i][j] += x[i][l] * weight[j][l];
                }
            }
        }
        return y;
    }

    private double[][] norm(double[][] x, String name, int group) {
        double[] weight = tensors.get(name)[0];
        double[][] out = new double[x.length][x[0].length];
        for (int i = 0; i < x.length; i++) {
            for (int from = 0; from < x[i].length; from += group) {
                double sum = 0;
                for (int j = from; j < from + group; j++) {
                    sum += x[i][j] * x[i][j];
                }
                double scale = 1 / Math.sqrt(sum / group + config.rmsEps());
                for (int j = from; j < from + group; j++) {
                    out[i][j] = x[i][j] * scale * weight[j - from];
                }
            }
        }
        return out;
    }

    private void rotate(double[][] x) {
        int half = config.headDim() / 2;
        double[] frequencies = config.rope().frequencies(config.headDim());
        for (int position = 0; position < x.length; position++) {
            for (int head = 0; head < x[position].length; head += config.headDim()) {
                for (int j = 0; j < half; j++) {
                    double cos = Math.cos(position * frequencies[j]);
                    double sin = Math.sin(position * frequencies[j]);
                    double a = x[position][head + j];
                    double b = x[position][head + half + j];
                    x[position][head + j] = a * cos - b * sin;
                    x[position][head + half + j] = b * cos + a * sin;
                }
            }
        }
    }

    private double[][] attention(double[][] q, double[][] k, double[][] v, int window) {
        int dim = config.headDim();
        int group = config.heads() / config.kvHeads();
        double[][] out = new double[q.length][q[0].length];
        for (int i = 0; i < q.length; i++) {
            for (int head = 0; head < config.heads(); head++) {
                int kv = head / group * dim;
                double[] weights = new double[i + 1];
                double total = 0;
                for (int j = 0; j <= i; j++) {
                    if (i - j < window) {
                        double score = 0;
                        for (int l = 0; l < dim; l++) {
                            score += q[i][head * dim + l] * k[j][kv + l];
                        }
                        weights[j] = Math.exp(score / Math.sqrt(dim));
                        total += weights[j];
                    }
                }
                for (int j = 0; j <= i; j++) {
                    for (int l = 0; l < dim; l++) {
                        out[i][head * dim + l] += weights[j] / total * v[j][kv + l];
                    }
                }
            }
        }
        return out;
    }

    private static void add(double[][] hidden, double[][] y) {
        for (int i = 0; i < y.length; i++) {
            for (int j = 0; j < y[i].length; j++) {
                hidden[i][j] += y[i][j];
            }
        }
    }
}
