package io.cospadi.checkpoint;

import io.cospadi.tensor.DType;
import java.util.Arrays;

/**
 * A tensor about to be written.
 *
 * @param shape non-negative; shared, not copied
 */
public record TensorSpec(String name, DType dtype, long... shape) {
    public TensorSpec {
        if (name.isEmpty() || name.equals(SafetensorsHeader.METADATA)) {
            throw new IllegalArgumentException("a tensor can't be named \"" + name + "\"");
        }
        if (Arrays.stream(shape).anyMatch(n -> n < 0)) {
            throw new IllegalArgumentException(name + " has a negative dimension: " + Arrays.toString(shape));
        }
    }

    /** Bytes it takes; ArithmeticException beyond 2^63 - 1. */
    public long bytes() {
        long elements = 1;
        for (long size : shape) {
            elements = Math.multiplyExact(elements, size);
        }
        return Math.multiplyExact(elements, dtype.bytes());
    }
}
