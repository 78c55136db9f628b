package io.cospadi.tensor;

/** bfloat16: the top 16 bits of an IEEE 754 single. */
public final class Bfloat16 {
    private Bfloat16() {}

    /** The f32 value of a bf16 bit pattern; exact. */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** Rounds once, to nearest, ties to even; a NaN stays a (quiet) NaN, an overflow becomes infinity. */
    public static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }

    /** The f32 value nearest to {@code value} that bf16 can hold. */
    public static float round(float value) {
        return toFloat(fromFloat(value));
    }
}
