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
        Sums sums = new Sums(backend);
        try (Decoder p = new Decoder(reference, backend);
                Decoder q = new Decoder(model, backend);
                LayerwisePass states =
                        WindowScorer.run(p, windows, settings, (done, all) -> progress.advance(done, total));
                LayerwisePass otherStates =
                        WindowScorer.run(q, windows, settings, (done, all) -> progress.advance(first + done, total));
                LanguageModelHead head = p.loadHead();
                LanguageModelHead otherHead = q.loadHead()) {
            for (int i = 0; i < windows.size(); i++) {
                Matrix hidden = WindowScorer.scoredRows(states, i, windows.get(i));
                Matrix otherHidden = WindowScorer.scoredRows(otherStates, i, windows.get(i));
                head.forEachChunk(hidden, (from, logits) -> {
                    try (Matrix other = backend.allocate(logits.rows(), logits.cols(), DType.F32)) {
                        otherHead.logits(otherHidden.rows(from, logits.rows()), other);
                        sums.add(logits, other);
                    }
                });
                WindowScorer.requireFinite(sums.divergence, i);
            }
            progress.advance(total, total);
        }
        return new Divergence(
                referenceName,
                file,
                settings.window(),
                sums.positions,
                sums.divergence / sums.positions,
                (double) sums.agreeing / sums.positions);
    }

    private static final class Sums {
        private final Backend backend;
        private long positions;
        private long agreeing;
        private double divergence;

        Sums(Backend backend) {
            this.backend = backend;
        }

        /** Logits of both models for some positions; overwritten. */
        void add(Matrix p, Matrix q) {
            int[] preferred = backend.argmax(p);
            int[] other = backend.argmax(q);
            backend.logSoftmax(p);
            backend.logSoftmax(q);
            double[] divergences = backend.klDivergence(p, q);
            for (int i = 0; i < divergences.length; i++) {
                divergence += divergences[i];
                agreeing += preferred[i] == other[i] ? 1 : 0;
            }
            positions += divergences.length;
        }
    }
}
