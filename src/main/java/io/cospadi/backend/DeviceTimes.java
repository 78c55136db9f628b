package io.cospadi.backend;

import java.util.List;

/** Where a device's time went since it is watched, pauses left out. */
public interface DeviceTimes {
    /**
     * All calls of one kind.
     *
     * @param kind         a kernel, or what a library was asked for and in which arithmetic
     * @param milliseconds of the device
     * @param calls        how many
     */
    record Entry(String kind, double milliseconds, long calls) {
        /** Whether these are dense products, general or symmetric, in any arithmetic. */
        boolean isProduct() {
            return kind.startsWith("gemm") || kind.startsWith("symmetricProduct");
        }
    }

    /** The longest first. */
    List<Entry> entries();

    /** From now on nothing counts. */
    void pause();

    /** From now on everything counts again. */
    void resume();

    /** Milliseconds of dense products among them. */
    static double productMilliseconds(List<Entry> entries) {
        return entries.stream()
                .filter(Entry::isProduct)
                .mapToDouble(Entry::milliseconds)
                .sum();
    }
}
