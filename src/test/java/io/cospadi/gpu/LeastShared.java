package io.cospadi.gpu;

/** A device that says of itself that its blocks have as little shared memory as those of any GPU from 8.0 on. */
public final class LeastShared {
    private LeastShared() {}

    /** The device's calls but for that. */
    public static CudaCalls on(CudaCalls device) {
        DeviceProperties is = device.properties();
        return Disguise.of(
                device,
                new DeviceProperties(
                        is.index(),
                        is.name(),
                        is.pciBusId(),
                        is.major(),
                        is.minor(),
                        is.multiprocessors(),
                        LaunchGeometry.LEAST_SHARED_BYTES,
                        is.fullRateDoubles(),
                        is.memoryBytes(),
                        is.driver()));
    }
}
