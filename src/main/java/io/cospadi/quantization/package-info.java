/**
 * How numbers become few bits and bytes. {@link io.cospadi.tensor.LevelGrid} says what a level stands for,
 * {@link io.cospadi.quantization.LevelPacking} how a matrix of them is stored, {@link io.cospadi.quantization.CodePacking} how
 * sparse codes are: the bit mask that places the nonzeros, and the packed stream of values.
 */
package io.cospadi.quantization;
