package io.cospadi.gpu;

import static jcuda.driver.JCudaDriver.cuFuncGetAttribute;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;

/** The program's kernels on a device: each file's PTX goes to the driver when its first kernel is asked for. */
final class KernelModules implements AutoCloseable {
    /** Shared memory that a kernel may have without asking, static and dynamic, in bytes. */
    private static final int SHARED_WITHOUT_ASKING = 48 << 10;

    /** Per cent of an SM's memory that is shared memory, at most. */
    private static final int ALL_SHARED = 100;

    private final Map<String, String> fileOfKernel = KernelImages.fileOfKernel();
    private final Map<String, CUmodule> modules = new HashMap<>();
    private final Map<String, Kernel> kernels = new HashMap<>();

    private final boolean early;

    /** @param early whether files that have a second image are loaded with that one */
    KernelModules(boolean early) {
        this.early = early;
    }

    private static final class Kernel {
        final EarlyLaunch.Kernel function = new EarlyLaunch.Kernel();
        int dynamicBytes;
    }

    /** Whether it waits by itself for the launch before. */
    boolean waits(String name) {
        return early && KernelImages.EARLY.contains(fileOfKernel.get(name));
    }

    /** A kernel that may be launched with so much dynamic shared memory. */
    EarlyLaunch.Kernel function(String name, int sharedBytes) {
        Kernel kernel = kernels.computeIfAbsent(name, this::load);
        if (sharedBytes > kernel.dynamicBytes) {
            Driver.check(
                    cuFuncSetAttribute(
                            kernel.function,
                            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                            sharedBytes),
                    "cuFuncSetAttribute",
                    name + ", " + sharedBytes + " bytes of shared memory");
            kernel.dynamicBytes = sharedBytes;
        }
        return kernel.function;
    }

    private Kernel load(String name) {
        String file = fileOfKernel.get(name);
        if (file == null) {
            throw new IllegalArgumentException("no kernel " + name);
        }
        CUmodule module = modules.computeIfAbsent(file, this::loadModule);
        Kernel kernel = new Kernel();
        Driver.check(cuModuleGetFunction(kernel.function, module, name), "cuModuleGetFunction", name);
        if (waits(name)) {
            // one split of an SM's memory for all: it changes only once the SM is empty, and blocks that begin early
            // come before that
            Driver.check(
                    cuFuncSetAttribute(
                            kernel.function,
                            CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
                            ALL_SHARED),
                    "cuFuncSetAttribute",
                    name);
        }
        int[] statically = new int[1];
        Driver.check(
                cuFuncGetAttribute(
                        statically, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, kernel.function),
                "cuFuncGetAttribute",
                name);
        kernel.dynamicBytes = SHARED_WITHOUT_ASKING - statically[0];
        return kernel;
    }

    private CUmodule loadModule(String file) {
        CUmodule module = new CUmodule();
        Driver.check(
                cuModuleLoadData(
                        module,
                        early && KernelImages.EARLY.contains(file)
                                ? KernelImages.earlyPtx(file)
                                : KernelImages.ptx(file)),
                "cuModuleLoadData",
                file + ".ptx; the driver may be older than CUDA 12.5");
        return module;
    }

    @Override
    public void close() {
        modules.values().forEach(module -> Driver.check(cuModuleUnload(module), "cuModuleUnload"));
        modules.clear();
        kernels.clear();
    }
}
