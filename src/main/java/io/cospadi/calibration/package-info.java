/**
 * Text in, Gram matrices out: {@code G = Xᵀ X} of the inputs X that every projection of a dense model sees.
 *
 * <p>{@link io.cospadi.calibration.TokenWindows} cuts text or token ids into windows, {@link io.cospadi.calibration.Calibration}
 * runs them through the model layer by layer, {@link io.cospadi.calibration.GramStore} keeps one file of f64 Grams a layer:
 * resumable, mergeable across machines, checksummed. Projections that read the same input share a Gram (q, k, v; gate, up).
 *
 * <p>{@link io.cospadi.calibration.OutputGradients} runs windows back as well and {@link io.cospadi.calibration.GradientStore} keeps,
 * beside the Grams, what the loss gradients at every projection's output say: their mean squares, or their whole covariance, and
 * the gradients of the weights.
 *
 * <p>The sum over windows has one fixed shape ({@link io.cospadi.calibration.GramTree}), so a store is the same bytes whether
 * one machine made it or several.
 */
package io.cospadi.calibration;
