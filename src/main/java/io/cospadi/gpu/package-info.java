/**
 * NVIDIA GPUs: the only package that knows of JCuda.
 *
 * <p>{@link io.cospadi.gpu.CudaCalls} is all that a device is asked for, and the seam at which tests put an emulation in its
 * place; {@link io.cospadi.gpu.CudaDevices} opens a real one. For each file in {@code cuda-kernels} there is one class here that
 * knows its launch geometry, its limits and the order of its arguments; in go device addresses and sizes, out goes a launch. The
 * contract of the arithmetic stands in the head of the kernel file, and the PTX made from it in the resources beside these
 * classes. Start at {@link io.cospadi.gpu.SelectKernels}.
 */
package io.cospadi.gpu;
