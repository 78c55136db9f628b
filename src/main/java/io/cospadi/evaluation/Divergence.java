package io.cospadi.evaluation;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * How far a model's predictions are from a reference's.
 *
 * @param reference     the model that defines the distribution p
 * @param file          the text
 * @param window        tokens of a window
 * @param tokens        scored positions, the same that token perplexity scores
 * @param mean          mean over them of KL(p || q) in nats, q the evaluated model's
 * @param top1Agreement share of them at which both models prefer the same token
 */
public record Divergence(
        String reference,
        String file,
        int window,
        long tokens,
        double mean,
        @JsonProperty("top1_agreement") double top1Agreement) {}
