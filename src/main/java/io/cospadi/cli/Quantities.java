package io.cospadi.cli;

import io.cospadi.tensor.ByteCount;

/** Quantities as people read them on a terminal. */
final class Quantities {
    private Quantities() {}

    /** "4.7 MB", decimal multiples. */
    static String bytes(long bytes) {
        return ByteCount.format(bytes);
    }

    /** "1 thread", "2 threads". */
    static String count(long count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }
}
