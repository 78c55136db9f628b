package io.cospadi.quantization;

/**
 * A matrix rounded to levels, as {@link LevelPacking} stores it.
 *
 * @param values bf16 patterns (rows, cols), row-major; shared, not copied
 * @param scales bf16 patterns (rows, groups), row-major; shared, not copied
 */
public record Levels(short[] values, short[] scales) {}
