package io.cospadi.gpu;

import static jcuda.cudaDataType.CUDA_R_16BF;
import static jcuda.cudaDataType.CUDA_R_32F;
import static jcuda.cudaDataType.CUDA_R_64F;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasDsyrk;
import static jcuda.jcublas.JCublas2.cublasDtrsm;
import static jcuda.jcublas.JCublas2.cublasGemmEx_new;
import static jcuda.jcublas.JCublas2.cublasSetMathMode;
import static jcuda.jcublas.JCublas2.cublasSetPointerMode;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static jcuda.jcublas.JCublas2.cublasSsyrk;
import static jcuda.jcublas.JCublas2.cublasStrsm;

import jcuda.Pointer;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasDiagType;
import jcuda.jcublas.cublasFillMode;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasPointerMode;
import jcuda.jcublas.cublasSideMode;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/**
 * Dense products by cuBLAS: one handle for one stream, so that equal calls give equal bits. Scalars pass through one array of
 * each type, which cuBLAS has read when a call returns.
 */
final class Cublas implements AutoCloseable {
    /** What NVIDIA recommends for compute capability 9.0; what is older is content with less. */
    static final long WORKSPACE_BYTES = 32L << 20;

    private final cublasHandle handle = new cublasHandle();
    private final DeviceAddress workspace;
    private final float[] floats = new float[2];
    private final double[] doubles = new double[2];
    private final Pointer alphaFloat = Pointer.to(floats);
    private final Pointer betaFloat = Pointer.to(floats).withByteOffset(Float.BYTES);
    private final Pointer alphaDouble = Pointer.to(doubles);
    private final Pointer betaDouble = Pointer.to(doubles).withByteOffset(Double.BYTES);

    /** @param workspace of {@link #WORKSPACE_BYTES}, which this closes */
    Cublas(CUstream stream, long workspace) {
        this.workspace = new DeviceAddress(workspace);
        check(cublasCreate(handle), "cublasCreate", "");
        check(cublasSetStream(handle, new cudaStream_t(stream)), "cublasSetStream", "");
        // of fixed size and place, whatever was called before: equal calls then give equal bits, in recordings too
        check(
                cublasSetWorkspace(handle, this.workspace, WORKSPACE_BYTES),
                "cublasSetWorkspace",
                WORKSPACE_BYTES + " bytes");
        check(cublasSetPointerMode(handle, cublasPointerMode.CUBLAS_POINTER_MODE_HOST), "cublasSetPointerMode", "");
        // no TF32 behind our back: every product states its own compute type, the others have none to state
        check(cublasSetMathMode(handle, cublasMath.CUBLAS_PEDANTIC_MATH), "cublasSetMathMode", "");
    }

    private static void check(int status, String call, String on) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new CudaException(call, cublasStatus.stringFor(status), on);
        }
    }

    private static int operation(boolean transpose) {
        return transpose ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    private Pointer alpha(Arithmetic arithmetic, double value) {
        floats[0] = (float) value;
        doubles[0] = value;
        return arithmetic == Arithmetic.F64 ? alphaDouble : alphaFloat;
    }

    private Pointer beta(Arithmetic arithmetic, double value) {
        floats[1] = (float) value;
        doubles[1] = value;
        return arithmetic == Arithmetic.F64 ? betaDouble : betaFloat;
    }

    /** As {@link CudaCalls#gemm}. */
    void gemm(
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
        int factors =
                switch (arithmetic) {
                    case F64 -> CUDA_R_64F;
                    case F32 -> CUDA_R_32F;
                    case BF16 -> CUDA_R_16BF;
                };
        boolean doublePrecision = arithmetic == Arithmetic.F64;
        check(
                cublasGemmEx_new(
                        handle,
                        operation(transposeA),
                        operation(transposeB),
                        m,
                        n,
                        k,
                        alpha(arithmetic, alpha),
                        new DeviceAddress(a),
                        factors,
                        lda,
                        new DeviceAddress(b),
                        factors,
                        ldb,
                        beta(arithmetic, beta),
                        new DeviceAddress(c),
                        doublePrecision ? CUDA_R_64F : CUDA_R_32F,
                        ldc,
                        doublePrecision ? cublasComputeType.CUBLAS_COMPUTE_64F : cublasComputeType.CUBLAS_COMPUTE_32F,
                        cublasGemmAlgo.CUBLAS_GEMM_DEFAULT),
                "cublasGemmEx",
                arithmetic + " (" + m + ", " + k + ") x (" + k + ", " + n + ")");
    }

    /** As {@link CudaCalls#symmetricProduct}. */
    void symmetricProduct(
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
        Pointer scale = alpha(arithmetic, alpha);
        Pointer keep = beta(arithmetic, beta);
        Pointer from = new DeviceAddress(a);
        Pointer to = new DeviceAddress(c);
        int lower = cublasFillMode.CUBLAS_FILL_MODE_LOWER;
        int operation = operation(transposed);
        int status = arithmetic == Arithmetic.F64
                ? cublasDsyrk(handle, lower, operation, n, k, scale, from, lda, keep, to, ldc)
                : cublasSsyrk(handle, lower, operation, n, k, scale, from, lda, keep, to, ldc);
        check(status, "cublas syrk", arithmetic + " n " + n + ", k " + k);
    }

    /** As {@link CudaCalls#solveFromTheRight}. */
    void solveFromTheRight(Arithmetic arithmetic, boolean transposed, int m, int n, long u, int ldu, long b, int ldb) {
        Pointer one = alpha(arithmetic, 1);
        Pointer factor = new DeviceAddress(u);
        Pointer solved = new DeviceAddress(b);
        int right = cublasSideMode.CUBLAS_SIDE_RIGHT;
        int upper = cublasFillMode.CUBLAS_FILL_MODE_UPPER;
        int operation = operation(transposed);
        int diagonal = cublasDiagType.CUBLAS_DIAG_NON_UNIT;
        int status = arithmetic == Arithmetic.F64
                ? cublasDtrsm(handle, right, upper, operation, diagonal, m, n, one, factor, ldu, solved, ldb)
                : cublasStrsm(handle, right, upper, operation, diagonal, m, n, one, factor, ldu, solved, ldb);
        check(status, "cublas trsm", arithmetic + " m " + m + ", n " + n);
    }

    @Override
    public void close() {
        check(cublasDestroy(handle), "cublasDestroy", "");
        Driver.check(cuMemFree(workspace), "cuMemFree");
    }
}
