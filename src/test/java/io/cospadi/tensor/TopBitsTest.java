package io.cospadi.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopBitsTest {
    @ParameterizedTest
    @CsvSource({
        "0x1.0p0, 0x1.0p0",
        "0x1.04p0, 0x1.0p0", // half an ulp above an even pattern: down
        "0x1.040002p0, 0x1.08p0", // just more than half: up
        "0x1.0cp0, 0x1.1p0", // half above an odd pattern: up to even
        "-0x1.0cp0, -0x1.1p0",
        "0x1.fcp0, 0x1.0p1", // carries into the exponent
        "0x1.0p-149, 0x0.0p0", // subnormals round like all others
        "0x1.0p-131, 0x1.0p-131",
        "0x1.f8p127, 0x1.f8p127", // the largest
        "0x1.fbfffep127, 0x1.f8p127",
        "0x1.fcp127, Infinity",
        "-Infinity, -Infinity",
        "NaN, NaN"
    })
    void roundsOnceToNearestEven(String from, String to) {
        assertEquals(Float.parseFloat(to), TopBits.round(Float.parseFloat(from), 14));
    }

    @Property(tries = 1000)
    void roundingPicksTheNearestPattern(@ForAll int bits) {
        float value = Float.intBitsToFloat(bits);
        if (!Float.isFinite(value) || Math.abs(value) >= 0x1.fcp127f) {
            return;
        }
        float rounded = TopBits.round(value, 14);
        assertEquals(0, Float.floatToRawIntBits(rounded) & 0x3FFFF);
        float below = Float.intBitsToFloat(bits & ~0x3FFFF);
        float above = Float.intBitsToFloat((bits & ~0x3FFFF) + 0x40000);
        BigDecimal exact = new BigDecimal(value);
        BigDecimal error = exact.subtract(new BigDecimal(rounded)).abs();
        assertTrue(error.compareTo(exact.subtract(new BigDecimal(below)).abs()) <= 0);
        if (Float.isFinite(above)) {
            assertTrue(error.compareTo(exact.subtract(new BigDecimal(above)).abs()) <= 0);
        }
    }

    @Property(tries = 500)
    void sixteenBitsAreBfloat16(@ForAll int bits) {
        float value = Float.intBitsToFloat(bits);
        assertEquals(Bfloat16.round(value), TopBits.round(value, 16));
    }

    @Test
    void largestIsTheLastBeforeInfinity() {
        assertEquals(0x1.f8p127f, TopBits.largest(14));
        assertEquals(0x1.fep127f, TopBits.largest(16));
    }
}
