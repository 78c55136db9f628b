package io.cospadi.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** What a figure counts, and how it is written for people; the script on the page writes the axes by the same rules. */
enum Unit {
    /** Decimal multiples, three digits. */
    BYTES {
        @Override
        String format(double value) {
            String[] names = {"B", "kB", "MB", "GB", "TB"};
            int i = 0;
            while (Math.abs(value) >= 999.5 && i < names.length - 1) {
                value /= 1000;
                i++;
            }
            return (i == 0 ? String.format(Locale.ROOT, "%.0f", value) : digits(value, 3)) + SPACE + names[i];
        }
    },
    /** Milliseconds up to hours. */
    SECONDS {
        @Override
        String format(double value) {
            if (value < 0.9995) {
                return String.format(Locale.ROOT, "%.0f", value * 1000) + SPACE + "ms";
            }
            if (value < 59.95) {
                return digits(value, 3) + SPACE + "s";
            }
            long whole = Math.round(value);
            return whole < 3600
                    ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60) + SPACE + "min"
                    : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60) + SPACE
                            + "h";
        }
    },
    /** A share of one, as a percentage. */
    SHARE {
        @Override
        String format(double value) {
            return String.format(Locale.ROOT, "%.1f", 100 * value) + SPACE + "%";
        }
    },
    /** A relative error. */
    ERROR {
        @Override
        String format(double value) {
            return digits(value, 3);
        }
    },
    /** exp of nats per token or word. */
    PERPLEXITY {
        @Override
        String format(double value) {
            return value < 1000 ? String.format(Locale.ROOT, "%.2f", value) : digits(value, 4);
        }
    },
    /** A count. */
    COUNT {
        @Override
        String format(double value) {
            return String.format(Locale.ROOT, "%,.0f", value).replace(',', '\u202F');
        }
    };

    /** A narrow space at which no line breaks. */
    private static final String SPACE = "\u202F";

    /** For people. */
    abstract String format(double value);

    /** The same where a value may be missing. */
    String formatOrDash(Double value) {
        return value == null || value.isNaN() ? "–" : format(value);
    }

    /** So many significant digits, in plain notation from 0.0001 on. */
    private static String digits(double value, int digits) {
        double magnitude = Math.abs(value);
        if (magnitude == 0) {
            return "0";
        }
        if (!Double.isFinite(value)) {
            return Double.isNaN(value) ? "–" : value > 0 ? "∞" : "-∞";
        }
        if (magnitude < 1e-4 || magnitude >= 1e7) {
            return String.format(Locale.ROOT, "%." + (digits - 1) + "e", value);
        }
        // the rounded value decides, as rounding may carry it over a power of ten
        BigDecimal rounded = new BigDecimal(magnitude).round(new MathContext(digits));
        int decimals = Math.max(0, digits - 1 - (rounded.precision() - rounded.scale() - 1));
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }
}
