/**
 * The compact checkpoint: what a compressed model looks like on disk, byte by byte.
 *
 * <p>{@link io.cospadi.format.CompactFormat} is the specification. {@link io.cospadi.format.PartFile} keeps one finished
 * projection, {@link io.cospadi.format.CompactWriter} joins parts and base model into a compact folder,
 * {@link io.cospadi.format.ModelFolder} opens dense and compact folders alike, {@link io.cospadi.format.Verifier} checks
 * every byte of one.
 */
package io.cospadi.format;
