/**
 * How good a model is, dense or compressed: token perplexity, word perplexity, divergence from a reference model, and
 * what its projections lose of the reference's outputs.
 *
 * <p>Everything runs through {@link io.cospadi.decoder.LayerwisePass}, so a model larger than memory can be evaluated; every
 * figure carries what it depends on (window, scored tokens). Start with {@link io.cospadi.evaluation.TokenPerplexity}.
 *
 * @see "EleutherAI lm-evaluation-harness, the wikitext task, for word perplexity"
 */
package io.cospadi.evaluation;
