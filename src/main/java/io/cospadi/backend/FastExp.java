package io.cospadi.backend;

/**
 * exp in single precision: {@code exp(x) = 2^n · exp(r)}, n the integer nearest to x / ln 2, and a polynomial of degree 6 for
 * r in [-ln 2 / 2, ln 2 / 2] (Cephes' expf coefficients). The relative error is at most 1.2e-7 where the result is a normal
 * number; a test checks every float between -87 and 88.
 */
final class FastExp {
    /** Results below the smallest normal number become 0. */
    static final float LOWEST = -87.33654f;

    /** Above this the result overflows to infinity. */
    static final float HIGHEST = 88.72283f;

    private static final float LOG2_E = 1.44269504f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;

    /** Adding and taking away 1.5 · 2^23 rounds to the nearest integer. */
    private static final float ROUND = 12582912f;

    private FastExp() {}

    static float of(float x) {
        if (!(x >= LOWEST)) {
            return x < LOWEST ? 0 : x;
        }
        if (x > HIGHEST) {
            return Float.POSITIVE_INFINITY;
        }
        float shifted = x * LOG2_E + ROUND;
        float n = shifted - ROUND;
        float r = x - n * LN2_HIGH - n * LN2_LOW;
        float p = 1.9875691500e-4f;
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        p = p * r * r + r + 1;
        // n is 128 only above ln(2^127.5): two factors keep it finite
        int e = Float.floatToRawIntBits(shifted) - 0x4B400000;
        int half = e >> 1;
        return p * Float.intBitsToFloat(half + 127 << 23) * Float.intBitsToFloat(e - half + 127 << 23);
    }
}
