package io.cospadi.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class UnitTest {
    @Test
    void figuresHaveThreeDigitsAndTheirUnit() {
        assertEquals("0 B", plain(Unit.BYTES.format(0)));
        assertEquals("999 B", plain(Unit.BYTES.format(999)));
        assertEquals("1.00 kB", plain(Unit.BYTES.format(1000)));
        assertEquals("80.5 MB", plain(Unit.BYTES.format(80_523_264)));
        assertEquals("1.00 GB", plain(Unit.BYTES.format(999_600_000)));
        assertEquals("14 ms", plain(Unit.SECONDS.format(0.0141)));
        assertEquals("9.87 s", plain(Unit.SECONDS.format(9.87)));
        assertEquals("1:00 min", plain(Unit.SECONDS.format(59.96)));
        assertEquals("59:59 min", plain(Unit.SECONDS.format(3599.4)));
        assertEquals("2:05:07 h", plain(Unit.SECONDS.format(7507)));
        assertEquals("20.3 %", plain(Unit.SHARE.format(0.20288)));
        assertEquals("0.00230", Unit.ERROR.format(0.0023));
        assertEquals("1.23e-07", Unit.ERROR.format(1.234e-7));
        assertEquals("0", Unit.ERROR.format(0));
        assertEquals("22.26", Unit.PERPLEXITY.format(22.259));
        assertEquals("1 094 400", plain(Unit.COUNT.format(1_094_400)));
    }

    @Test
    void whatIsMissingIsADashAndWhatDivergedIsNamed() {
        assertEquals("–", Unit.ERROR.formatOrDash(null));
        assertEquals("–", Unit.PERPLEXITY.formatOrDash(Double.NaN));
        assertEquals("∞", Unit.PERPLEXITY.format(Double.POSITIVE_INFINITY));
    }

    private static String plain(String text) {
        return text.replace('\u202F', ' ');
    }
}
