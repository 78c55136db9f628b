package io.cospadi.cli;

import java.util.Locale;

/** Quantities as people read them on a terminal. */
final class Quantities {
    private Quantities() {}

    /** "4.7 MB", decimal multiples. */
    static String bytes(long bytes) {
        String[] names = {"B", "kB", "MB", "GB", "TB", "PB"};
        double value = bytes;
        int i = 0;
        while (value >= 999.5 && i < names.length - 1) {
            value /= 1000;
            i++;
        }
        return String.format(
                Locale.ROOT,
                i == 0 || value >= 99.95 ? "%.0f %s" : value >= 9.995 ? "%.1f %s" : "%.2f %s",
                value,
                names[i]);
    }

    /** "1 thread", "2 threads". */
    static String count(long count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }
}
