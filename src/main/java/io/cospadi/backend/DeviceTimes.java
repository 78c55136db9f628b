package io.cospadi.backend;

import java.util.List;

/** Where a device's time went since it is watched. */
public interface DeviceTimes {
    /**
     * All calls of one kind.
     *
     * @param kind         a kernel, or what a library was asked for and in which arithmetic
     * @param milliseconds of the device
     * @param calls        how many
     */
    record Entry(String kind, double milliseconds, long calls) {}

    /** The longest first. */
    List<Entry> entries();
}
