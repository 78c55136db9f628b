/**
 * The forward pass of Llama, Qwen2, Qwen3 and Mistral on a {@link io.cospadi.backend.Backend}.
 *
 * <p>{@link io.cospadi.decoder.ModelWeights} says where weights come from, {@link io.cospadi.decoder.Linear} how a projection
 * is represented; {@link io.cospadi.decoder.Decoder} hands out layers and the language-model head one by one, so that the
 * caller decides how much of a model is in memory. Two callers are here: {@link io.cospadi.decoder.LayerwisePass} drives many
 * windows through one layer at a time (calibration, perplexity: any model size), {@link io.cospadi.decoder.ResidentModel}
 * keeps the whole model and a KV cache for {@link io.cospadi.decoder.Generator}.
 *
 * <p>All arithmetic is f32, checked against PyTorch transformers in f32 on committed fixtures. Start with
 * {@link io.cospadi.decoder.DecoderLayer#forward}.
 */
package io.cospadi.decoder;
