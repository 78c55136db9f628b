package io.cospadi.tensor;

/**
 * Numbers whose single-precision pattern has only its topmost bits, the others being 0: with 16 of them bf16, with 14 (sign, 8 of
 * exponent, 5 of mantissa) the codes' usual form, of a relative error of at most 2^-6.
 */
public final class TopBits {
    private static final int QUIET_NAN = 0x7FC0_0000;

    private TopBits() {}

    /**
     * The nearest of them, ties to the pattern whose last kept bit is 0; NaN stays NaN, what is too large becomes infinite.
     *
     * @param bits kept, 10 to 31
     */
    public static float round(float value, int bits) {
        if (Float.isNaN(value)) {
            return Float.intBitsToFloat(QUIET_NAN);
        }
        int dropped = 32 - bits;
        int pattern = Float.floatToRawIntBits(value);
        int half = (1 << dropped - 1) - 1 + (pattern >>> dropped & 1);
        return Float.intBitsToFloat(pattern + half >>> dropped << dropped);
    }

    /** The largest finite one. */
    public static float largest(int bits) {
        return Float.intBitsToFloat(0x7F7F_FFFF >>> 32 - bits << 32 - bits);
    }
}
