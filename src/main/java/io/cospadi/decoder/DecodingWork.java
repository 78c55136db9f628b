package io.cospadi.decoder;

import io.cospadi.backend.Footprint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import java.util.function.Function;

/**
 * What {@link DecoderBenchmark} counts, from shapes alone.
 *
 * @param config       of the model
 * @param projections  how each is held
 * @param headBytes    of the head's weight
 * @param separateHead whether a backend keeps an embedding beside the head
 */
public record DecodingWork(
        ModelConfig config, Function<Projection, Held> projections, long headBytes, boolean separateHead) {
    /**
     * A projection's weights in memory, its bias left out.
     *
     * @param bytes        of them
     * @param multiplyAdds of one token with them
     */
    public record Held(long bytes, long multiplyAdds) {
        /** W (d2, d1) as it is. */
        public static Held dense(Projection p, Footprint footprint) {
            return new Held(footprint.weight(p.d2(), p.d1()), (long) p.d2() * p.d1());
        }

        /** A dictionary (k, d1) and codes of s nonzeros a row. */
        public static Held factored(Projection p, SyntheticWeights.Size size, Footprint footprint) {
            return new Held(
                    footprint.weight(size.k(), p.d1()) + footprint.codes(p.d2(), size.k(), size.s(), size.group()),
                    (long) size.k() * p.d1() + (long) p.d2() * size.s());
        }

        /** Two thin matrices of rank r. */
        public static Held lowRank(Projection p, int r, Footprint footprint) {
            return new Held(footprint.weight(r, p.d1()) + footprint.weight(p.d2(), r), (long) r * (p.d1() + p.d2()));
        }
    }

    /** Of a model that a backend holds so; a GPU keeps the embedding too, where the head is not the same. */
    public static DecodingWork of(ModelConfig config, Function<Projection, Held> projections, Footprint footprint) {
        return new DecodingWork(
                config,
                projections,
                footprint.weight(config.vocabSize(), config.hiddenSize()),
                footprint == Footprint.CUDA && !config.tiedEmbeddings());
    }

    /** As {@link ResidentModel#bytes}. */
    public long bytesOfToken() {
        long bytes = headBytes + 4L * config.hiddenSize();
        for (Projection p : config.projections()) {
            bytes += projections.apply(p).bytes() + (config.hasBias(p.type()) ? 4L * p.d2() : 0);
        }
        return bytes
                + config.layers() * 4L * (2L * config.hiddenSize() + (config.qkNorm() ? 2L * config.headDim() : 0));
    }

    /** Operations of a window whose logits are all computed. */
    public long flopsOfWindow(int tokens) {
        long once = (long) config.vocabSize() * config.hiddenSize();
        for (Projection p : config.projections()) {
            once += projections.apply(p).multiplyAdds();
        }
        long multiplyAdds = tokens * once;
        for (int layer = 0; layer < config.layers(); layer++) {
            multiplyAdds += Decoder.attentionMultiplyAdds(config, layer, 0, tokens);
        }
        return 2 * multiplyAdds;
    }

    /** Bytes of weights, cache and activations with so many positions. */
    public long memory(int positions) {
        long cache = 8L * config.layers() * positions * config.kvHeads() * config.headDim();
        return bytesOfToken() + (separateHead ? headBytes : 0) + cache + Decoder.scratchBytes(config, positions);
    }
}
