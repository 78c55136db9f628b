/**
 * A model as it lies on disk: config.json, safetensors files, their index and the tokenizer. Everything read is hostile
 * until checked; a defect becomes a {@link io.cospadi.tensor.CospadiException} of one line that names file and tensor.
 *
 * <p>Start at {@link io.cospadi.checkpoint.Checkpoint}: {@code open} validates config.json, the index and every header
 * without touching weights, {@code requireDense} compares the tensors with the architecture, {@code load} brings one into
 * a backend. {@link io.cospadi.checkpoint.SafetensorsFile} and {@link io.cospadi.checkpoint.SafetensorsWriter} serve
 * every other file of the engine that holds tensors, too.
 */
package io.cospadi.checkpoint;
