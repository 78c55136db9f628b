package io.cospadi.gpu;

import static jcuda.jcusolver.JCusolverDn.cusolverDnCreate;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDestroy;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDpotrf;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDpotrf_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDsyevd;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDsyevd_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSetStream;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSpotrf;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSpotrf_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSsyevd;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSsyevd_bufferSize;

import jcuda.Pointer;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasFillMode;
import jcuda.jcusolver.cusolverDnHandle;
import jcuda.jcusolver.cusolverEigMode;
import jcuda.jcusolver.cusolverStatus;
import jcuda.runtime.cudaStream_t;

/** Factorisations by cuSOLVER: those typed functions that CUDA 12 and 13 both have. */
final class Cusolver implements AutoCloseable {
    private static final int UPPER = cublasFillMode.CUBLAS_FILL_MODE_UPPER;
    private static final int LOWER = cublasFillMode.CUBLAS_FILL_MODE_LOWER;
    private static final int VECTORS = cusolverEigMode.CUSOLVER_EIG_MODE_VECTOR;

    private final cusolverDnHandle handle = new cusolverDnHandle();

    Cusolver(CUstream stream) {
        check(cusolverDnCreate(handle), "cusolverDnCreate", "");
        check(cusolverDnSetStream(handle, new cudaStream_t(stream)), "cusolverDnSetStream", "");
    }

    private static void check(int status, String call, String on) {
        if (status != cusolverStatus.CUSOLVER_STATUS_SUCCESS) {
            throw new CudaException(call, cusolverStatus.stringFor(status), on);
        }
    }

    private static String shape(Arithmetic arithmetic, int n) {
        return arithmetic + " (" + n + ", " + n + ")";
    }

    /** As {@link CudaCalls#choleskyWorkspace}. */
    long choleskyWorkspace(Arithmetic arithmetic, int n, long a, int lda) {
        Pointer matrix = new DeviceAddress(a);
        int[] elements = new int[1];
        int status = arithmetic == Arithmetic.F64
                ? cusolverDnDpotrf_bufferSize(handle, LOWER, n, matrix, lda, elements)
                : cusolverDnSpotrf_bufferSize(handle, LOWER, n, matrix, lda, elements);
        check(status, "cusolver potrf_bufferSize", shape(arithmetic, n));
        return (long) elements[0] * arithmetic.bytes();
    }

    /** As {@link CudaCalls#cholesky}. */
    void cholesky(Arithmetic arithmetic, int n, long a, int lda, long workspace, long bytes, long info) {
        Pointer matrix = new DeviceAddress(a);
        Pointer work = new DeviceAddress(workspace);
        Pointer result = new DeviceAddress(info);
        int elements = (int) (bytes / arithmetic.bytes());
        int status = arithmetic == Arithmetic.F64
                ? cusolverDnDpotrf(handle, LOWER, n, matrix, lda, work, elements, result)
                : cusolverDnSpotrf(handle, LOWER, n, matrix, lda, work, elements, result);
        check(status, "cusolver potrf", shape(arithmetic, n));
    }

    /** As {@link CudaCalls#eigenWorkspace}. */
    long eigenWorkspace(Arithmetic arithmetic, int n, long a, int lda, long values) {
        Pointer matrix = new DeviceAddress(a);
        Pointer to = new DeviceAddress(values);
        int[] elements = new int[1];
        int status = arithmetic == Arithmetic.F64
                ? cusolverDnDsyevd_bufferSize(handle, VECTORS, UPPER, n, matrix, lda, to, elements)
                : cusolverDnSsyevd_bufferSize(handle, VECTORS, UPPER, n, matrix, lda, to, elements);
        check(status, "cusolver syevd_bufferSize", shape(arithmetic, n));
        return (long) elements[0] * arithmetic.bytes();
    }

    /** As {@link CudaCalls#eigenSymmetric}. */
    void eigenSymmetric(
            Arithmetic arithmetic, int n, long a, int lda, long values, long workspace, long bytes, long info) {
        Pointer matrix = new DeviceAddress(a);
        Pointer to = new DeviceAddress(values);
        Pointer work = new DeviceAddress(workspace);
        Pointer result = new DeviceAddress(info);
        int elements = (int) (bytes / arithmetic.bytes());
        int status = arithmetic == Arithmetic.F64
                ? cusolverDnDsyevd(handle, VECTORS, UPPER, n, matrix, lda, to, work, elements, result)
                : cusolverDnSsyevd(handle, VECTORS, UPPER, n, matrix, lda, to, work, elements, result);
        check(status, "cusolver syevd", shape(arithmetic, n));
    }

    @Override
    public void close() {
        check(cusolverDnDestroy(handle), "cusolverDnDestroy", "");
    }
}
