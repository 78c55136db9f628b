package io.cospadi.backend;

/**
 * exp in single precision by range reduction and a polynomial: x = n ln 2 + r, |r| <= ln 2 / 2, exp(x) = 2ⁿ p(r). Relative
 * error below 2e-7 where the result is a normal float; 0 below -87.3, infinity above 88.7; NaN stays NaN. About five times
 * as fast as {@link Math#exp}, which attention and SiLU would otherwise spend most of their time in.
 */
final class FastExp {
    private static final float LOG2_E = 1.44269504f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float ROUND = 12582912f; // 1.5 * 2^23: adding and subtracting it rounds to an integer

    private FastExp() {}

    static float exp(float x) {
        if (!(x > -87.3f)) {
            return x != x ? x : 0f;
        }
        if (x > 88.7f) {
            return Float.POSITIVE_INFINITY;
        }
        float n = (x * LOG2_E + ROUND) - ROUND;
        float r = (x - n * LN2_HIGH) - n * LN2_LOW;
        // Taylor coefficients adjusted for the interval (Cephes expf)
        float p = 1.9875691500e-4f;
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        p = p * (r * r) + r + 1f;
        int exponent = (int) n;
        // 2^128 is no float: the last doubling is done by multiplying
        if (exponent > 127) {
            return p * Float.intBitsToFloat(254 << 23) * 2f;
        }
        return p * Float.intBitsToFloat((exponent + 127) << 23);
    }
}
