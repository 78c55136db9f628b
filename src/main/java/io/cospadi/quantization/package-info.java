/**
 * How sparse codes become bytes: rounding to the stored precision, the bit mask that places the nonzeros, and the packed
 * stream of values. {@link io.cospadi.quantization.CodePacking} specifies and does all of it.
 */
package io.cospadi.quantization;
