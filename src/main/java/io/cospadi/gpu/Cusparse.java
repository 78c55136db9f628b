package io.cospadi.gpu;

import static jcuda.cudaDataType.CUDA_R_16BF;
import static jcuda.cudaDataType.CUDA_R_32F;
import static jcuda.jcusparse.JCusparse.cusparseCreate;
import static jcuda.jcusparse.JCusparse.cusparseCreateCsr;
import static jcuda.jcusparse.JCusparse.cusparseCreateDnMat;
import static jcuda.jcusparse.JCusparse.cusparseCreateDnVec;
import static jcuda.jcusparse.JCusparse.cusparseDestroy;
import static jcuda.jcusparse.JCusparse.cusparseDestroyDnMat;
import static jcuda.jcusparse.JCusparse.cusparseDestroyDnVec;
import static jcuda.jcusparse.JCusparse.cusparseDestroySpMat;
import static jcuda.jcusparse.JCusparse.cusparseSetPointerMode;
import static jcuda.jcusparse.JCusparse.cusparseSetStream;
import static jcuda.jcusparse.JCusparse.cusparseSpMM;
import static jcuda.jcusparse.JCusparse.cusparseSpMM_bufferSize;
import static jcuda.jcusparse.JCusparse.cusparseSpMM_preprocess;
import static jcuda.jcusparse.JCusparse.cusparseSpMV;
import static jcuda.jcusparse.JCusparse.cusparseSpMV_bufferSize;

import jcuda.Pointer;
import jcuda.driver.CUstream;
import jcuda.jcusparse.cusparseConstSpMatDescr;
import jcuda.jcusparse.cusparseDnMatDescr;
import jcuda.jcusparse.cusparseDnVecDescr;
import jcuda.jcusparse.cusparseHandle;
import jcuda.jcusparse.cusparseIndexBase;
import jcuda.jcusparse.cusparseIndexType;
import jcuda.jcusparse.cusparseOperation;
import jcuda.jcusparse.cusparseOrder;
import jcuda.jcusparse.cusparsePointerMode;
import jcuda.jcusparse.cusparseSpMMAlg;
import jcuda.jcusparse.cusparseSpMVAlg;
import jcuda.jcusparse.cusparseSpMatDescr;
import jcuda.jcusparse.cusparseStatus;
import jcuda.runtime.cudaStream_t;

/** Sparse products by cuSPARSE's generic functions, bf16 factors with f32 sums: what the program's own are measured against. */
final class Cusparse implements AutoCloseable {
    private static final int PLAIN = cusparseOperation.CUSPARSE_OPERATION_NON_TRANSPOSE;
    private static final int ONE_TOKEN = cusparseSpMVAlg.CUSPARSE_SPMV_ALG_DEFAULT;
    private static final int SOME_TOKENS = cusparseSpMMAlg.CUSPARSE_SPMM_ALG_DEFAULT;

    private final cusparseHandle handle = new cusparseHandle();
    private final Pointer one = Pointer.to(new float[] {1});
    private final Pointer zero = Pointer.to(new float[] {0});

    Cusparse(CUstream stream) {
        check(cusparseCreate(handle), "cusparseCreate", "");
        check(cusparseSetStream(handle, new cudaStream_t(stream)), "cusparseSetStream", "");
        check(
                cusparseSetPointerMode(handle, cusparsePointerMode.CUSPARSE_POINTER_MODE_HOST),
                "cusparseSetPointerMode",
                "");
    }

    private static void check(int status, String call, String on) {
        if (status != cusparseStatus.CUSPARSE_STATUS_SUCCESS) {
            throw new CudaException(call, cusparseStatus.stringFor(status), on);
        }
    }

    /** As {@link CudaCalls#csrProduct}. */
    CudaCalls.CsrProduct product(CsrMatrix matrix, int tokens, long x, long y) {
        return tokens == 1 ? new ByVector(matrix, x, y) : new ByMatrix(matrix, tokens, x, y);
    }

    private static cusparseConstSpMatDescr describe(CsrMatrix matrix) {
        cusparseSpMatDescr described = new cusparseSpMatDescr();
        check(
                cusparseCreateCsr(
                        described,
                        matrix.rows(),
                        matrix.cols(),
                        matrix.nonzeros(),
                        new DeviceAddress(matrix.offsets()),
                        new DeviceAddress(matrix.columns()),
                        new DeviceAddress(matrix.values()),
                        cusparseIndexType.CUSPARSE_INDEX_32I,
                        cusparseIndexType.CUSPARSE_INDEX_32I,
                        cusparseIndexBase.CUSPARSE_INDEX_BASE_ZERO,
                        CUDA_R_16BF),
                "cusparseCreateCsr",
                matrix.shape());
        return described.asConst();
    }

    /** SpMV. */
    private final class ByVector implements CudaCalls.CsrProduct {
        private final String shape;
        private final cusparseConstSpMatDescr matrix;
        private final cusparseDnVecDescr x = new cusparseDnVecDescr();
        private final cusparseDnVecDescr y = new cusparseDnVecDescr();

        ByVector(CsrMatrix csr, long xAddress, long yAddress) {
            shape = csr.shape();
            matrix = describe(csr);
            check(
                    cusparseCreateDnVec(x, csr.cols(), new DeviceAddress(xAddress), CUDA_R_16BF),
                    "cusparseCreateDnVec",
                    shape);
            check(
                    cusparseCreateDnVec(y, csr.rows(), new DeviceAddress(yAddress), CUDA_R_32F),
                    "cusparseCreateDnVec",
                    shape);
        }

        @Override
        public long workspaceBytes() {
            long[] bytes = new long[1];
            check(
                    cusparseSpMV_bufferSize(
                            handle, PLAIN, one, matrix, x.asConst(), zero, y, CUDA_R_32F, ONE_TOKEN, bytes),
                    "cusparseSpMV_bufferSize",
                    shape);
            return bytes[0];
        }

        @Override
        public void multiply(long workspace) {
            check(
                    cusparseSpMV(
                            handle,
                            PLAIN,
                            one,
                            matrix,
                            x.asConst(),
                            zero,
                            y,
                            CUDA_R_32F,
                            ONE_TOKEN,
                            new DeviceAddress(workspace)),
                    "cusparseSpMV",
                    shape);
        }

        @Override
        public void close() {
            check(cusparseDestroyDnVec(x.asConst()), "cusparseDestroyDnVec", shape);
            check(cusparseDestroyDnVec(y.asConst()), "cusparseDestroyDnVec", shape);
            check(cusparseDestroySpMat(matrix), "cusparseDestroySpMat", shape);
        }
    }

    /** SpMM: row-major tokens are cuSPARSE's column-major columns. */
    private final class ByMatrix implements CudaCalls.CsrProduct {
        private final String shape;
        private final cusparseConstSpMatDescr matrix;
        private final cusparseDnMatDescr x = new cusparseDnMatDescr();
        private final cusparseDnMatDescr y = new cusparseDnMatDescr();
        private boolean prepared;

        ByMatrix(CsrMatrix csr, int tokens, long xAddress, long yAddress) {
            shape = csr.shape() + ", " + tokens + " tokens";
            matrix = Cusparse.describe(csr);
            describe(x, csr.cols(), tokens, xAddress, CUDA_R_16BF);
            describe(y, csr.rows(), tokens, yAddress, CUDA_R_32F);
        }

        private void describe(cusparseDnMatDescr described, int rows, int tokens, long address, int type) {
            check(
                    cusparseCreateDnMat(
                            described,
                            rows,
                            tokens,
                            rows,
                            new DeviceAddress(address),
                            type,
                            cusparseOrder.CUSPARSE_ORDER_COL),
                    "cusparseCreateDnMat",
                    shape);
        }

        @Override
        public long workspaceBytes() {
            long[] bytes = new long[1];
            check(
                    cusparseSpMM_bufferSize(
                            handle, PLAIN, PLAIN, one, matrix, x.asConst(), zero, y, CUDA_R_32F, SOME_TOKENS, bytes),
                    "cusparseSpMM_bufferSize",
                    shape);
            return bytes[0];
        }

        @Override
        public void multiply(long workspace) {
            Pointer buffer = new DeviceAddress(workspace);
            if (!prepared) {
                check(
                        cusparseSpMM_preprocess(
                                handle,
                                PLAIN,
                                PLAIN,
                                one,
                                matrix,
                                x.asConst(),
                                zero,
                                y,
                                CUDA_R_32F,
                                SOME_TOKENS,
                                buffer),
                        "cusparseSpMM_preprocess",
                        shape);
                prepared = true;
            }
            check(
                    cusparseSpMM(
                            handle, PLAIN, PLAIN, one, matrix, x.asConst(), zero, y, CUDA_R_32F, SOME_TOKENS, buffer),
                    "cusparseSpMM",
                    shape);
        }

        @Override
        public void close() {
            check(cusparseDestroyDnMat(x.asConst()), "cusparseDestroyDnMat", shape);
            check(cusparseDestroyDnMat(y.asConst()), "cusparseDestroyDnMat", shape);
            check(cusparseDestroySpMat(matrix), "cusparseDestroySpMat", shape);
        }
    }

    @Override
    public void close() {
        check(cusparseDestroy(handle), "cusparseDestroy", "");
    }
}
