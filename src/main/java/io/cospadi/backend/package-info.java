/**
 * The verbs that every algorithm computes with, and the machines that carry them out.
 *
 * <p>{@link io.cospadi.backend.Backend} is the whole vocabulary: storage, linear algebra, sparse coding and the decoder's
 * operations over opaque {@link io.cospadi.backend.Matrix} values, which live where the backend lives. Algorithms above
 * never ask which device they run on. {@code CpuBackend} computes by OpenBLAS, {@code CudaBackend} by the program's own kernels and
 * CUDA's libraries. What a verb asks of its
 * arguments is stated once, in the {@code …Checks} class of its family; a backend has them checked, then computes.
 */
package io.cospadi.backend;
