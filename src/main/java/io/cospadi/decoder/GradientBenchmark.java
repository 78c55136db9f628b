package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.DoubleSupplier;

/**
 * What gradients take beyond the forward pass of the same windows, layer by layer and read from storage both times. A shared
 * machine's speed drifts, so the forward pass is timed before and after, and both are compared with one rate of a matrix
 * product, the mean of rates measured around them.
 *
 * @param windows     token ids; not modified
 * @param spillFolder an existing folder
 */
public record GradientBenchmark(ModelWeights weights, Backend backend, List<int[]> windows, Path spillFolder) {
    private static final long ACTIVATION_BYTES = 512L << 20;

    /**
     * One repetition.
     *
     * @param forward  all layers and the logits of all positions
     * @param backward all that a {@link GradientPass} takes beside that: the layers computed again and back, the head back
     */
    public record Result(Part forward, Part backward) {
        /** The backward pass and its recomputation in forward passes. */
        public double times() {
            return backward.seconds() / forward.seconds();
        }
    }

    /**
     * @param flops   counted: two for each multiply-add of projections, head and the attention pairs that causality allows
     * @param seconds measured
     * @param sgemm   flops a second of a matrix product around it
     */
    public record Part(double flops, double seconds, double sgemm) {
        public double share() {
            return flops / seconds / sgemm;
        }
    }

    /** The repetition of median {@link Result#times}, after one that is not counted and that must end in finite gradients. */
    public Result run(int repetitions, DoubleSupplier sgemmRate) {
        gradients(true);
        Result[] results = new Result[repetitions];
        for (int i = 0; i < repetitions; i++) {
            double sgemm = sgemmRate.getAsDouble() / 4;
            double forward = seconds(this::forward) / 2;
            sgemm += sgemmRate.getAsDouble() / 4;
            double both = seconds(() -> gradients(false));
            sgemm += sgemmRate.getAsDouble() / 4;
            forward += seconds(this::forward) / 2;
            sgemm += sgemmRate.getAsDouble() / 4;
            results[i] = new Result(
                    new Part(forwardFlops(), forward, sgemm), new Part(backwardFlops(), both - forward, sgemm));
        }
        Arrays.sort(results, Comparator.comparingDouble(Result::times));
        return results[repetitions / 2];
    }

    private static double seconds(Runnable work) {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) * 1e-9;
    }

    private void forward() {
        try (Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass = new LayerwisePass(decoder, windows, ACTIVATION_BYTES, spillFolder);
                LanguageModelHead head = decoder.loadHead()) {
            while (pass.nextLayer() < weights.config().layers()) {
                pass.advance(window -> SiteListener.NONE, Progress.NONE);
            }
            for (int window = 0; window < windows.size(); window++) {
                head.forEachChunk(pass.hidden(window), (first, logits) -> {});
            }
        }
    }

    private void gradients(boolean verify) {
        Labels labels = Labels.ofText(backend, windows);
        try (Decoder decoder = new Decoder(weights, backend);
                GradientPass pass = new GradientPass(decoder, windows, labels, ACTIVATION_BYTES, spillFolder)) {
            pass.forward(Progress.NONE);
            while (pass.nextLayer() >= 0) {
                pass.retreat(
                        window -> (type, gradient) -> {
                            if (verify) {
                                requireFinite(type, gradient);
                            }
                        },
                        Progress.NONE);
            }
        }
    }

    private void requireFinite(ProjectionType type, Matrix gradient) {
        double energy = backend.dot(gradient, gradient);
        if (!(energy > 0 && energy < Double.POSITIVE_INFINITY)) {
            throw new IllegalStateException(
                    "the gradient at " + type.hfName() + " has the energy " + energy + "; nothing is timed");
        }
    }

    private double forwardFlops() {
        return windows.stream()
                .mapToDouble(window -> forwardFlops(weights.config(), window.length))
                .sum();
    }

    private double backwardFlops() {
        return windows.stream()
                .mapToDouble(window -> backwardFlops(weights.config(), window.length))
                .sum();
    }

    /** Of a window of {@code length} tokens. */
    public static double forwardFlops(ModelConfig config, int length) {
        return 2.0 * length * (head(config) + config.layers() * projections(config)) + 2 * attention(config, length);
    }

    /** The same again forward but for down, and back; attention back is five products where forward it is two. */
    public static double backwardFlops(ModelConfig config, int length) {
        double again = projections(config) - (double) config.hiddenSize() * config.intermediateSize();
        return 2.0 * length * (head(config) + config.layers() * (again + projections(config)))
                + 2 * 3.5 * attention(config, length);
    }

    private static double head(ModelConfig config) {
        return (double) config.hiddenSize() * config.vocabSize();
    }

    /** Multiply-adds of one token's projections in one layer. */
    private static double projections(ModelConfig config) {
        double sum = 0;
        for (ProjectionType type : ProjectionType.values()) {
            sum += (double) config.projection(0, type).d1()
                    * config.projection(0, type).d2();
        }
        return sum;
    }

    private static double attention(ModelConfig config, int length) {
        double sum = 0;
        for (int layer = 0; layer < config.layers(); layer++) {
            sum += Decoder.attentionMultiplyAdds(config, layer, 0, length);
        }
        return sum;
    }
}
