package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.DoubleSupplier;

/**
 * How fast the forward pass is, as a share of what the machine can do. The machine's own rate is measured before and after
 * every repetition, on the same threads, because a shared machine's speed drifts; the result is the median repetition.
 */
public final class DecoderBenchmark {
    /** Largest difference of logits, relative to the largest logit, between a prefill and single-token steps. */
    private static final double TOLERANCE = 1e-3;

    private static final int VERIFIED_TOKENS = 24;

    private final ModelWeights weights;
    private final Backend backend;

    public DecoderBenchmark(ModelWeights weights, Backend backend) {
        this.weights = weights;
        this.backend = backend;
    }

    /**
     * One measured speed.
     *
     * @param work     counted work of a repetition: flops of matrix products and attention, or bytes of weights read
     * @param seconds  of the median repetition
     * @param slow     seconds of the repetition that nine in ten don't exceed
     * @param rate     work a second
     * @param peak     the machine's own rate beside it: sgemm flops a second, or bytes a second read from memory
     * @param tokens   tokens of a repetition
     */
    public record Result(long work, double seconds, double slow, double rate, double peak, int tokens) {
        /** The rate's share of the peak. */
        public double share() {
            return rate / peak;
        }

        public double tokensPerSecond() {
            return tokens / seconds;
        }
    }

    /**
     * All logits of one window of {@code ids}. Counted: two flops for each multiply-add of the projections, the head, and the
     * attention pairs that causality allows; norms, rotations and activations count for nothing.
     *
     * @param sgemmRate flops a second of a matrix product on the same backend, measured at each call
     */
    public Result prefill(int[] ids, int repetitions, DoubleSupplier sgemmRate) {
        try (ResidentModel model = new ResidentModel(weights, backend, ids.length)) {
            verify(model, ids);
            long multiplyAdds = 0;
            for (int position = 0; position < ids.length; position++) {
                multiplyAdds += model.multiplyAdds(position);
            }
            return median(2 * multiplyAdds, ids.length, repetitions, sgemmRate, () -> {
                model.rewind(0);
                model.head().forEachChunk(model.advance(ids), (first, logits) -> {});
                backend.synchronize();
            });
        }
    }

    /**
     * Single-token steps behind a prompt. Counted: the bytes of all weights, as the backend holds them, once a token; keys,
     * values and activations count for nothing.
     *
     * @param prompt     tokens before the first step
     * @param steps      tokens of a repetition
     * @param memoryRate bytes a second read from memory, measured at each call
     */
    public Result decode(int[] prompt, int steps, int repetitions, DoubleSupplier memoryRate) {
        try (ResidentModel model = new ResidentModel(weights, backend, prompt.length + steps)) {
            verify(model, prompt);
            model.rewind(0);
            model.advance(prompt);
            int token = prompt[prompt.length - 1];
            return median(model.bytes() * steps, steps, repetitions, memoryRate, () -> {
                model.rewind(prompt.length);
                try (Continuation continuation = new Continuation(model, model.next(token), steps, Sampling.GREEDY)) {
                    for (int i = 0; i < steps; i++) {
                        continuation.next();
                    }
                }
            });
        }
    }

    /** Both ways of computing the same logits must agree before either is timed. */
    private static void verify(ResidentModel model, int[] ids) {
        int[] prefix = Arrays.copyOf(ids, Math.min(ids.length, VERIFIED_TOKENS));
        model.rewind(0);
        float[] whole = model.lastLogits(model.advance(prefix));
        model.rewind(0);
        float[] stepwise = null;
        for (int id : prefix) {
            stepwise = model.readLogits(model.next(id));
        }
        double largest = 0;
        double worst = 0;
        for (int i = 0; i < whole.length; i++) {
            largest = Math.max(largest, Math.abs(whole[i]));
            worst = Math.max(worst, Math.abs((double) whole[i] - stepwise[i]));
        }
        if (!(worst <= TOLERANCE * largest)) {
            throw new IllegalStateException("logits of a prefill and of single steps differ by " + worst
                    + " where the largest is " + largest + "; nothing is timed");
        }
    }

    private static Result median(long work, int tokens, int repetitions, DoubleSupplier peak, Runnable repetition) {
        repetition.run();
        double[] seconds = new double[repetitions];
        double[] peaks = new double[repetitions];
        double before = peak.getAsDouble();
        for (int i = 0; i < repetitions; i++) {
            long start = System.nanoTime();
            repetition.run();
            seconds[i] = (System.nanoTime() - start) * 1e-9;
            double after = peak.getAsDouble();
            peaks[i] = (before + after) / 2;
            before = after;
        }
        Integer[] byShare = new Integer[repetitions];
        Arrays.setAll(byShare, i -> i);
        Arrays.sort(byShare, Comparator.comparingDouble(i -> -seconds[i] * peaks[i]));
        int middle = byShare[repetitions / 2];
        double[] ascending = seconds.clone();
        Arrays.sort(ascending);
        double slow = ascending[Math.min(repetitions - 1, repetitions * 9 / 10)];
        return new Result(work, seconds[middle], slow, work / seconds[middle], peaks[middle], tokens);
    }
}
