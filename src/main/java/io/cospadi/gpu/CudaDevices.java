package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetCount;

import io.cospadi.tensor.DeviceMemoryException;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdevice;

/** The machine's NVIDIA GPUs, and what is in the way where there are none to use. */
public final class CudaDevices {
    /** Bytes of a device's memory that its libraries work in. */
    public static final long RESERVED_BYTES = Cublas.WORKSPACE_BYTES;

    /**
     * Whether recorded launches may begin early: off until a device has run them, see {@code benchmarks/all-on-gpu.sh}. Where it is
     * on, a device that can't have them is not opened.
     */
    public static final boolean EARLY_LAUNCHES = Boolean.getBoolean("cospadi.early-launches");

    /** The kernels are compiled for it; what is older lacks bf16. */
    private static final int LOWEST_MAJOR = 8;

    /** Why the libraries could not be loaded; the virtual machine says so only the first time. */
    private static LinkageError firstFailure;

    private CudaDevices() {}

    /**
     * All devices that the driver shows, those included that are too old to be opened.
     *
     * @throws CudaUnavailableException if there is no driver, none that can be used, or no device
     */
    public static List<DeviceProperties> list() {
        List<DeviceProperties> devices = new ArrayList<>();
        try {
            DriverState.requireUsable();
            int[] count = new int[1];
            Driver.check(cuDeviceGetCount(count), "cuDeviceGetCount");
            for (int i = 0; i < count[0]; i++) {
                CUdevice device = new CUdevice();
                Driver.check(cuDeviceGet(device, i), "cuDeviceGet", "device " + i);
                devices.add(CudaDevice.properties(i, device));
            }
        } catch (LinkageError e) {
            throw unavailable(e);
        } catch (CudaException e) {
            throw new CudaUnavailableException(
                    "the NVIDIA driver does not say what GPUs there are: " + e.getMessage()
                            + "; see whether nvidia-smi does",
                    e);
        }
        if (devices.isEmpty()) {
            throw new CudaUnavailableException("the NVIDIA driver shows no GPU; is CUDA_VISIBLE_DEVICES empty?");
        }
        return devices;
    }

    /**
     * Opens a device; the caller closes it.
     *
     * @throws CudaUnavailableException if there is no such device, it is too old or can't be had, or a library is missing
     */
    public static CudaCalls open(int index) {
        List<DeviceProperties> devices = list();
        if (index < 0 || index >= devices.size()) {
            throw new CudaUnavailableException("there is no device " + index + "; this machine has "
                    + (devices.size() == 1 ? "device 0 only" : "devices 0 to " + (devices.size() - 1)));
        }
        DeviceProperties device = devices.get(index);
        if (device.major() < LOWEST_MAJOR) {
            throw new CudaUnavailableException("device " + index + ", " + device.name() + ", has compute capability "
                    + device.computeCapability() + "; 8.0 (Ampere) or later is needed");
        }
        try {
            CudaCalls calls = new CudaDevice(index);
            return Boolean.getBoolean(SynchronousCalls.PROPERTY) ? SynchronousCalls.of(calls) : calls;
        } catch (LinkageError e) {
            throw unavailable(e);
        } catch (CudaException | DeviceMemoryException e) {
            // in use by another program alone, or full
            throw new CudaUnavailableException(
                    "device " + index + ", " + device.name() + ", can't be opened: " + e.getMessage()
                            + "; see by nvidia-smi what else is at work there",
                    e);
        }
    }

    /** Which library is missing, and how to get it. */
    static synchronized CudaUnavailableException unavailable(LinkageError latest) {
        firstFailure = firstFailure == null ? latest : firstFailure;
        return new CudaUnavailableException(LoadFailure.describe(firstFailure), firstFailure);
    }
}
