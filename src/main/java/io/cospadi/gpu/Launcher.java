package io.cospadi.gpu;

/** What runs kernels by name, one after the other: a stream of a device. */
@FunctionalInterface
public interface Launcher {
    /**
     * Queues one launch. Where the geometry has more than 48 KiB of shared memory, the launcher asks the driver for them.
     *
     * @param kernel    a function of a kernel file
     * @param arguments Long (addresses and 64-bit counts), Integer, Float or Double, or a {@link LaunchArguments.Struct} of
     *                  them, in the kernel's order and types
     */
    void launch(String kernel, LaunchGeometry geometry, Object... arguments);
}
