package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LanguageModelHead;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SiteListener;
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
     * @throws io.cospadi.tensor.CospadiException if the logits of a window are not finite
     */
    static double negativeLogLikelihood(
            ModelWeights weights,
            Backend backend,
            List<ScoredWindow> windows,
            EvaluationSettings settings,
            Progress progress) {
        try (Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass = run(decoder, windows, settings, progress);
                LanguageModelHead head = decoder.loadHead();
                PositionScores losses = new PositionScores(backend, windows)) {
            int layers = decoder.config().layers();
            for (int i = 0; i < windows.size(); i++) {
                int number = i;
                int[] targets = windows.get(i).targets();
                head.forEachChunk(
                        scoredRows(pass, i, windows.get(i)),
                        (first, logits) -> backend.negativeLogLikelihood(
                                logits,
                                Arrays.copyOfRange(targets, first, first + logits.rows()),
                                losses.rows(number, first, logits.rows())));
                progress.advance((long) layers * windows.size() + i + 1, (layers + 1L) * windows.size());
            }
            return losses.finiteSum();
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
