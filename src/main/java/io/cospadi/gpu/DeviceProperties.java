package io.cospadi.gpu;

/**
 * What a device is.
 *
 * @param index           among the devices that the driver shows, from 0
 * @param name            as the driver calls it
 * @param pciBusId        "0000:18:00.0": what names it to tools that count otherwise than the driver
 * @param major           compute capability's first number
 * @param minor           its second
 * @param multiprocessors streaming multiprocessors
 * @param sharedBytesOfBlock shared memory that a block can have, static and dynamic
 * @param fullRateDoubles whether f64 runs at half of f32's rate or more, as it does on devices for computing
 * @param memoryBytes     all of its memory
 * @param driver          the CUDA version that the driver serves, "13.0"
 */
public record DeviceProperties(
        int index,
        String name,
        String pciBusId,
        int major,
        int minor,
        int multiprocessors,
        int sharedBytesOfBlock,
        boolean fullRateDoubles,
        long memoryBytes,
        String driver) {
    /** "8.0", as NVIDIA writes it. */
    public String computeCapability() {
        return major + "." + minor;
    }
}
