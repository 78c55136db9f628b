package io.cospadi.tensor;

import java.util.Locale;

/** Numbers of bytes as people read them. */
public final class ByteCount {
    private static final String[] NAMES = {"B", "kB", "MB", "GB", "TB", "PB"};

    private ByteCount() {}

    /** "4.70 MB": three digits, decimal multiples. */
    public static String format(long bytes) {
        double value = bytes;
        int i = 0;
        while (value >= 999.5 && i < NAMES.length - 1) {
            value /= 1000;
            i++;
        }
        return String.format(
                Locale.ROOT,
                i == 0 || value >= 99.95 ? "%.0f %s" : value >= 9.995 ? "%.1f %s" : "%.2f %s",
                value,
                NAMES[i]);
    }
}
