package io.cospadi.budget;

import java.math.BigDecimal;

/** Whether so many bytes meet a ratio, decided without rounding errors in the user's disfavour. */
final class Capacity {
    private Capacity() {}

    /**
     * Whether {@code bytes} save at least the share {@code ratio} of {@code denseBytes}: exactly, with the ratio taken as the
     * decimal number that was typed.
     */
    static boolean meets(long bytes, long denseBytes, double ratio) {
        BigDecimal allowed =
                BigDecimal.ONE.subtract(BigDecimal.valueOf(ratio)).multiply(BigDecimal.valueOf(denseBytes));
        return BigDecimal.valueOf(bytes).compareTo(allowed) <= 0;
    }
}
