package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LanguageModelHead;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SiteListener;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.util.Arrays;
import java.util.List;

/** Negative log-likelihoods of the targets of many windows under one model. */
final class WindowScorer {
    private WindowScorer() {}

    /**
     * The sum over all targets of {@code -log p(target)}, in nats. Log-softmax of f32 logits; summed in f64, in order.
     *
     * @param progress counts windows times layers, the head as one more layer
     * @throws CospadiException if the logits of a window are not finite
     */
    static double negativeLogLikelihood(
            ModelWeights weights,
            Backend backend,
            List<ScoredWindow> windows,
            EvaluationSettings settings,
            Progress progress) {
        try (Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass = run(decoder, windows, settings, progress);
                LanguageModelHead head = decoder.loadHead()) {
            int layers = decoder.config().layers();
            double[] sum = new double[1];
            for (int i = 0; i < windows.size(); i++) {
                ScoredWindow window = windows.get(i);
                head.forEachChunk(scoredRows(pass, i, window), (first, logits) -> {
                    int[] targets = Arrays.copyOfRange(window.targets(), first, first + logits.rows());
                    for (double value : backend.negativeLogLikelihood(logits, targets)) {
                        sum[0] += value;
                    }
                });
                requireFinite(sum[0], i);
                progress.advance((long) layers * windows.size() + i + 1, (layers + 1L) * windows.size());
            }
            return sum[0];
        }
    }

    /** What overflowed f32 somewhere would otherwise end as a perplexity of NaN. */
    static void requireFinite(double sum, int window) {
        if (!Double.isFinite(sum)) {
            throw new CospadiException("window " + window + ": the model's logits are not finite, expected numbers:"
                    + " activations overflowed f32; check the model's weights");
        }
    }

    /** All windows through all layers; the caller closes the pass. */
    static LayerwisePass run(
            Decoder decoder, List<ScoredWindow> windows, EvaluationSettings settings, Progress progress) {
        int layers = decoder.config().layers();
        long total = (layers + 1L) * windows.size();
        LayerwisePass pass = new LayerwisePass(
                decoder,
                windows.stream().map(ScoredWindow::input).toList(),
                settings.activationBytes(),
                settings.spillFolder());
        try {
            while (pass.nextLayer() < layers) {
                long before = (long) pass.nextLayer() * windows.size();
                pass.advance(window -> SiteListener.NONE, (done, all) -> progress.advance(before + done, total));
            }
            return pass;
        } catch (RuntimeException | Error failure) {
            pass.close();
            throw failure;
        }
    }

    /** The final hidden states at which the window's targets are predicted. */
    static Matrix scoredRows(LayerwisePass pass, int index, ScoredWindow window) {
        return pass.hidden(index).rows(window.firstPosition(), window.targets().length);
    }
}
