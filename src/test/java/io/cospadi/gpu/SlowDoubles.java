package io.cospadi.gpu;

/** A device that says of itself what GPUs for consumers do, that f64 is slow on it: what the program chooses by that. */
public final class SlowDoubles {
    private SlowDoubles() {}

    /** The device's calls but for that. */
    public static CudaCalls on(CudaCalls device) {
        DeviceProperties is = device.properties();
        DeviceProperties says = new DeviceProperties(
                is.index(),
                is.name(),
                is.pciBusId(),
                is.major(),
                is.minor(),
                is.multiprocessors(),
                is.sharedBytesOfBlock(),
                false,
                is.memoryBytes(),
                is.driver());
        return Disguise.of(device, says);
    }
}
