/**
 * The program's own CUDA kernels as Java sees them: how each is launched, and the layouts that only they read.
 *
 * <p>For each file in {@code cuda-kernels} there is one class here that knows its launch geometry, its limits and the order of
 * its arguments; in go device addresses and sizes, out goes a launch to a {@link io.cospadi.gpu.Launcher}. The contract of the
 * arithmetic stands in the head of the kernel file, and the PTX made from it in the resources beside these classes. Start at
 * {@link io.cospadi.gpu.SelectKernels}. No backend launches them yet: they have run in the tests' emulation only.
 */
package io.cospadi.gpu;
