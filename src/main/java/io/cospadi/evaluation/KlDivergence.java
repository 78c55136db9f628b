package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LanguageModelHead;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Mean over a text's scored positions of {@code KL(p || q) = sum_j p_j (log p_j - log q_j)}, p the reference's prediction and q
 * the model's, and the share of positions where both prefer the same token. The positions are those of token perplexity.
 */
public final class KlDivergence {
    private KlDivergence() {}

    /**
     * @param referenceName named in the result
     * @param tokens        the text in tokens that both models share
     * @throws CospadiException if the vocabularies differ in size, and as {@link TokenPerplexity#evaluate}
     */
    public static Divergence evaluate(
            ModelWeights reference,
            String referenceName,
            ModelWeights model,
            Backend backend,
            String file,
            int[] tokens,
            EvaluationSettings settings,
            Progress progress) {
        if (reference.config().vocabSize() != model.config().vocabSize()) {
            throw new CospadiException("the reference " + referenceName + " has "
                    + reference.config().vocabSize() + " tokens, the model "
                    + model.config().vocabSize() + "; a divergence needs one vocabulary");
        }
        TokenPerplexity.windows(reference.config(), file, tokens, settings);
        List<ScoredWindow> windows = TokenPerplexity.windows(model.config(), file, tokens, settings);
        long count = windows.size();
        long first = count * (reference.config().layers() + 1L);
        long total = first + count * (model.config().layers() + 1L);
        try (Decoder p = new Decoder(reference, backend);
                Decoder q = new Decoder(model, backend);
                LayerwisePass states =
                        WindowScorer.run(p, windows, settings, (done, all) -> progress.advance(done, total));
                LayerwisePass otherStates =
                        WindowScorer.run(q, windows, settings, (done, all) -> progress.advance(first + done, total));
                LanguageModelHead head = p.loadHead();
                LanguageModelHead otherHead = q.loadHead();
                PositionScores divergences = new PositionScores(backend, windows);
                PositionScores preferred = new PositionScores(backend, windows);
                PositionScores others = new PositionScores(backend, windows)) {
            for (int i = 0; i < windows.size(); i++) {
                int number = i;
                Matrix hidden = WindowScorer.scoredRows(states, i, windows.get(i));
                Matrix otherHidden = WindowScorer.scoredRows(otherStates, i, windows.get(i));
                head.forEachChunk(hidden, (from, logits) -> {
                    int rows = logits.rows();
                    try (Matrix other = backend.allocate(rows, logits.cols(), DType.F32)) {
                        otherHead.logits(otherHidden.rows(from, rows), other);
                        backend.argmax(logits, preferred.rows(number, from, rows));
                        backend.argmax(other, others.rows(number, from, rows));
                        backend.logSoftmax(logits);
                        backend.logSoftmax(other);
                        backend.klDivergence(logits, other, divergences.rows(number, from, rows));
                    }
                });
            }
            double sum = divergences.finiteSum();
            progress.advance(total, total);
            long positions = ScoredWindow.scored(windows);
            return new Divergence(
                    referenceName,
                    file,
                    settings.window(),
                    positions,
                    sum / positions,
                    (double) equals(preferred.values(), others.values()) / positions);
        }
    }

    private static long equals(double[] a, double[] b) {
        return IntStream.range(0, a.length).filter(i -> a[i] == b[i]).count();
    }
}
