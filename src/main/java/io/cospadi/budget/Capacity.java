package io.cospadi.budget;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Whether so many bytes meet a ratio, decided without rounding errors in the user's disfavour. */
final class Capacity {
    private Capacity() {}

    /**
     * Whether {@code bytes} save at least the share {@code ratio} of {@code denseBytes}: exactly, with the ratio taken as the
     * decimal number that was typed.
     */
    static boolean meets(long bytes, long denseBytes, double ratio) {
        return bytes <= most(denseBytes, ratio);
    }

    /** The most bytes that still save at least the share {@code ratio} of {@code denseBytes}. */
    static long most(long denseBytes, double ratio) {
        return BigDecimal.ONE
                .subtract(BigDecimal.valueOf(ratio))
                .multiply(BigDecimal.valueOf(denseBytes))
                .setScale(0, RoundingMode.FLOOR)
                .longValueExact();
    }
}
