package io.cospadi.gpu;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDeviceGetPCIBusId;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuDeviceTotalMem;
import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD8Async;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DeviceMemoryException;
import java.nio.charset.StandardCharsets;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;

/** One GPU through JCuda: its primary context, one stream with the libraries' handles on it, and one for copies beside it. */
final class CudaDevice implements CudaCalls {
    private static final int EARLY_MAJOR = 9;
    private static final String DRIVER = "libcuda.so.1";

    /** Domain of four or eight digits, bus, device and function, and the zero behind them. */
    private static final int PCI_BUS_ID_BYTES = 32;

    private final CUdevice device = new CUdevice();
    private final CUcontext context = new CUcontext();
    private final EarlyLaunch.Stream stream = new EarlyLaunch.Stream();
    private final LaunchArguments arguments = new LaunchArguments();
    private final KernelModules modules;
    private final DeviceProperties properties;
    private final PinnedStaging staging;
    private final CopyStream copies = new CopyStream(this::bind);
    private final PinnedNumbers numbers;
    private final Cublas cublas;
    private final Cusolver cusolver;
    /** Loaded when first asked for: only benchmarks do. */
    private Cusparse cusparse;

    /** Null where launches begin one after the other. */
    private final EarlyLaunch early;

    private Thread boundTo;
    private boolean capturing;
    /** Whether the last call queued a kernel of the program's own. */
    private boolean behindLaunch;

    /** @param index a device that the driver has; its libraries are loaded and its context made current */
    CudaDevice(int index) {
        Driver.check(cuDeviceGet(device, index), "cuDeviceGet", "device " + index);
        properties = properties(index, device);
        early = CudaDevices.EARLY_LAUNCHES ? earlyLaunches() : null;
        Driver.check(cuDevicePrimaryCtxRetain(context, device), "cuDevicePrimaryCtxRetain", properties.name());
        try {
            modules = new KernelModules(early != null);
            bind();
            Driver.check(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
            staging = new PinnedStaging(stream);
            numbers = new PinnedNumbers(stream, this::bind);
            cublas = new Cublas(stream, allocate(Cublas.WORKSPACE_BYTES));
            cusolver = new Cusolver(stream);
        } catch (RuntimeException | Error failure) {
            // what was made in the context goes with it; a failure of this would hide why
            cuDevicePrimaryCtxRelease(device);
            throw failure;
        }
    }

    private EarlyLaunch earlyLaunches() {
        if (properties.major() < EARLY_MAJOR) {
            throw new CospadiException("launches that begin early need compute capability " + EARLY_MAJOR + ".0, and "
                    + properties.name() + " has " + properties.computeCapability()
                    + "; leave -Dcospadi.early-launches out");
        }
        return EarlyLaunch.of(DRIVER)
                .orElseThrow(() -> new CospadiException("launches that begin early need cuLaunchKernelEx of " + DRIVER
                        + " by JNA, and it can't be called; leave -Dcospadi.early-launches out"));
    }

    static DeviceProperties properties(int index, CUdevice device) {
        byte[] name = new byte[256];
        Driver.check(cuDeviceGetName(name, name.length, device), "cuDeviceGetName");
        String[] busId = new String[1];
        Driver.check(cuDeviceGetPCIBusId(busId, PCI_BUS_ID_BYTES, device), "cuDeviceGetPCIBusId");
        long[] memory = new long[1];
        Driver.check(cuDeviceTotalMem(memory, device), "cuDeviceTotalMem");
        int[] driver = new int[1];
        Driver.check(cuDriverGetVersion(driver), "cuDriverGetVersion");
        return new DeviceProperties(
                index,
                new String(name, StandardCharsets.UTF_8).trim().replace("\0", ""),
                busId[0],
                attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
                attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device),
                attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device),
                attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, device),
                attribute(CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO, device) <= 2,
                memory[0],
                DriverState.text(driver[0]));
    }

    private static int attribute(int which, CUdevice device) {
        int[] value = new int[1];
        Driver.check(cuDeviceGetAttribute(value, which, device), "cuDeviceGetAttribute", "attribute " + which);
        return value[0];
    }

    /** Begins a call. A context belongs to a thread: whichever calls takes it along. */
    private void bind() {
        behindLaunch = false; // launch says otherwise when it is done
        if (boundTo != Thread.currentThread()) {
            Driver.check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
            boundTo = Thread.currentThread();
        }
    }

    @Override
    public DeviceProperties properties() {
        return properties;
    }

    @Override
    public long allocate(long bytes) {
        bind();
        DeviceAddress address = new DeviceAddress();
        int status = cuMemAlloc(address, bytes);
        if (status == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw new DeviceMemoryException("no room on " + properties.name() + " for " + bytes + " bytes, "
                    + freeBytes() + " are free; end other programs there, or use --backend cpu");
        }
        Driver.check(status, "cuMemAlloc", bytes + " bytes");
        return address.value();
    }

    @Override
    public void free(long address) {
        bind();
        Driver.check(cuMemFree(new DeviceAddress(address)), "cuMemFree");
    }

    @Override
    public long reservedBytes() {
        return CudaDevices.RESERVED_BYTES;
    }

    @Override
    public long freeBytes() {
        bind();
        long[] free = new long[1];
        long[] total = new long[1];
        Driver.check(cuMemGetInfo(free, total), "cuMemGetInfo");
        return free[0];
    }

    @Override
    public void toDevice(long to, long bytes, Piece fill) {
        bind();
        staging.toDevice(to, bytes, fill);
    }

    @Override
    public void toDeviceBeside(Mark lastUse, long to, long bytes, Piece fill) {
        bind();
        if (bytes > 0) {
            copies.toDevice((StreamMark) lastUse, to, bytes, fill, stream);
        }
    }

    @Override
    public void toHost(long from, long bytes, Piece empty) {
        bind();
        staging.toHost(from, bytes, empty);
    }

    @Override
    public Fetched fetch(long from) {
        bind();
        return numbers.fetch(from);
    }

    @Override
    public void copy(long to, long from, long bytes) {
        bind();
        if (bytes == 0) {
            return;
        }
        Driver.check(
                cuMemcpyDtoDAsync(new DeviceAddress(to), new DeviceAddress(from), bytes, stream),
                "cuMemcpyDtoDAsync",
                bytes + " bytes");
    }

    @Override
    public void zero(long to, long bytes) {
        bind();
        Driver.check(
                cuMemsetD8Async(new DeviceAddress(to), (byte) 0, bytes, stream), "cuMemsetD8Async", bytes + " bytes");
    }

    @Override
    public void launch(String kernel, LaunchGeometry geometry, Object... values) {
        boolean afterLaunch = behindLaunch;
        bind();
        if (geometry.sharedBytes() > properties.sharedBytesOfBlock()) {
            throw new CospadiException(kernel + " needs " + geometry.sharedBytes()
                    + " bytes of shared memory a block, and " + properties.name() + " has "
                    + properties.sharedBytesOfBlock() + "; use --backend cpu, or a GPU that has");
        }
        EarlyLaunch.Kernel function = modules.function(kernel, geometry.sharedBytes());
        // weights that an early launch reads at once are as they were only in a recording, which writes none
        int status = capturing && afterLaunch && modules.waits(kernel)
                ? early.launch(function.handle(), geometry, stream.handle(), arguments.addressOf(values))
                : cuLaunchKernel(
                        function,
                        geometry.gridX(),
                        geometry.gridY(),
                        geometry.gridZ(),
                        geometry.blockX(),
                        geometry.blockY(),
                        1,
                        geometry.sharedBytes(),
                        stream,
                        arguments.of(values),
                        null);
        Driver.check(status, "cuLaunchKernel", kernel + ", " + geometry);
        Driver.launched(kernel);
        behindLaunch = true;
    }

    @Override
    public void gemm(
            Arithmetic arithmetic,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            double alpha,
            long a,
            int lda,
            long b,
            int ldb,
            double beta,
            long c,
            int ldc) {
        bind();
        cublas.gemm(arithmetic, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }

    @Override
    public void symmetricProduct(
            Arithmetic arithmetic,
            boolean transposed,
            int n,
            int k,
            double alpha,
            long a,
            int lda,
            double beta,
            long c,
            int ldc) {
        bind();
        cublas.symmetricProduct(arithmetic, transposed, n, k, alpha, a, lda, beta, c, ldc);
    }

    @Override
    public void solveFromTheRight(
            Arithmetic arithmetic, boolean transposed, int m, int n, long u, int ldu, long b, int ldb) {
        bind();
        cublas.solveFromTheRight(arithmetic, transposed, m, n, u, ldu, b, ldb);
    }

    @Override
    public long choleskyWorkspace(Arithmetic arithmetic, int n, long a, int lda) {
        bind();
        return cusolver.choleskyWorkspace(arithmetic, n, a, lda);
    }

    @Override
    public void cholesky(Arithmetic arithmetic, int n, long a, int lda, long workspace, long bytes, long info) {
        bind();
        cusolver.cholesky(arithmetic, n, a, lda, workspace, bytes, info);
    }

    @Override
    public long eigenWorkspace(Arithmetic arithmetic, int n, long a, int lda, long values) {
        bind();
        return cusolver.eigenWorkspace(arithmetic, n, a, lda, values);
    }

    @Override
    public void eigenSymmetric(
            Arithmetic arithmetic, int n, long a, int lda, long values, long workspace, long bytes, long info) {
        bind();
        cusolver.eigenSymmetric(arithmetic, n, a, lda, values, workspace, bytes, info);
    }

    @Override
    public CsrProduct csrProduct(CsrMatrix matrix, int tokens, long x, long y) {
        bind();
        if (cusparse == null) {
            try {
                cusparse = new Cusparse(stream);
            } catch (LinkageError e) {
                throw CudaDevices.unavailable(e);
            }
        }
        CsrProduct product = cusparse.product(matrix, tokens, x, y);
        return new CsrProduct() {
            @Override
            public long workspaceBytes() {
                return product.workspaceBytes();
            }

            @Override
            public void multiply(long workspace) {
                bind();
                product.multiply(workspace);
            }

            @Override
            public void close() {
                bind();
                product.close();
            }
        };
    }

    @Override
    public void synchronize() {
        bind();
        Driver.check(cuStreamSynchronize(stream), "cuStreamSynchronize");
    }

    @Override
    public void beginCapture() {
        bind();
        Driver.check(
                cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED),
                "cuStreamBeginCapture");
        capturing = true;
    }

    @Override
    public Graph endCapture() {
        capturing = false;
        CUgraph graph = new CUgraph();
        Driver.check(cuStreamEndCapture(stream, graph), "cuStreamEndCapture");
        CUgraphExec executable = new CUgraphExec();
        Driver.check(cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
        Driver.check(cuGraphDestroy(graph), "cuGraphDestroy");
        return new Graph() {
            @Override
            public void launch() {
                bind();
                Driver.check(cuGraphLaunch(executable, stream), "cuGraphLaunch");
            }

            @Override
            public void close() {
                bind();
                Driver.check(cuGraphExecDestroy(executable), "cuGraphExecDestroy");
            }
        };
    }

    @Override
    public Mark mark() {
        bind();
        return new StreamMark(stream, this::bind);
    }

    @Override
    public void close() {
        bind();
        if (cusparse != null) {
            cusparse.close();
        }
        cusolver.close();
        cublas.close();
        copies.close();
        staging.close();
        numbers.close();
        modules.close();
        if (early != null) {
            early.close();
        }
        arguments.close();
        Driver.check(cuStreamDestroy(stream), "cuStreamDestroy");
        Driver.check(cuDevicePrimaryCtxRelease(device), "cuDevicePrimaryCtxRelease");
    }
}
