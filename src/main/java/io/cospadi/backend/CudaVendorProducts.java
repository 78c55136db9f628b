package io.cospadi.backend;

import static io.cospadi.backend.CudaMatrix.own;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CsrMatrix;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** cuBLAS and cuSPARSE with bf16 factors and f32 sums. */
final class CudaVendorProducts implements VendorProducts {
    private final CudaCalls cuda;
    private final CudaMemory memory;

    CudaVendorProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
    }

    @Override
    public String dense() {
        return Footprint.CUDA.dense();
    }

    @Override
    public Optional<String> sparse() {
        return Footprint.CUDA.sparse();
    }

    private CudaBlock bfloats(float[] values) {
        short[] rounded = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            rounded[i] = Bfloat16.fromFloat(values[i]);
        }
        CudaBlock block = memory.undefined((long) Short.BYTES * rounded.length);
        memory.write(block.address(), rounded);
        return block;
    }

    private CudaBlock ints(int[] values) {
        CudaBlock block = memory.undefined((long) Integer.BYTES * values.length);
        memory.write(block.address(), values);
        return block;
    }

    @Override
    public VendorProduct dense(Matrix weight, Matrix x, Matrix out) {
        LinearAlgebraChecks.gemm(x, false, weight, true, out);
        if (weight.dtype() != DType.BF16) {
            throw new IllegalArgumentException("cuBLAS multiplies a weight in bf16 here, got " + weight.shape());
        }
        CudaMatrix from = own(weight);
        CudaMatrix to = own(out);
        CudaBlock input = bfloats(memory.floats(own(x)));
        return new VendorProduct() {
            @Override
            public void multiply() {
                cuda.gemm(
                        Arithmetic.BF16,
                        true,
                        false,
                        to.cols(),
                        to.rows(),
                        from.cols(),
                        1,
                        from.address(),
                        from.cols(),
                        input.address(),
                        from.cols(),
                        0,
                        to.address(),
                        to.cols());
            }

            @Override
            public long bytes() {
                return from.bytes();
            }

            @Override
            public void close() {
                input.close();
                from.close();
            }
        };
    }

    @Override
    public VendorProduct sparse(Codes codes, Matrix x, Matrix out) {
        int tokens = x.rows();
        if (x.cols() != codes.k() || out.rows() != tokens || out.cols() != codes.rows()) {
            throw new IllegalArgumentException(
                    "codes (" + codes.rows() + ", " + codes.k() + ") do not take " + x.shape() + " to " + out.shape());
        }
        return new SparseProduct(codes, own(x), tokens, own(out).address());
    }

    /** Codes in CSR with what the library needs beside them. */
    private final class SparseProduct implements VendorProduct {
        private final List<CudaBlock> blocks = new ArrayList<>();
        private final long bytes;
        private final CudaCalls.CsrProduct product;
        private final CudaBlock workspace;

        SparseProduct(Codes codes, CudaMatrix x, int tokens, long out) {
            CudaCalls.CsrProduct prepared = null;
            try {
                int[] offsets = new int[codes.rows() + 1];
                Arrays.setAll(offsets, i -> Math.multiplyExact(i, codes.s()));
                CudaBlock starts = held(ints(offsets));
                CudaBlock columns = held(ints(codes.atoms()));
                CudaBlock values = held(bfloats(codes.values()));
                bytes = starts.bytes() + columns.bytes() + values.bytes();
                CudaBlock input = held(bfloats(memory.floats(x)));
                CsrMatrix matrix = new CsrMatrix(
                        codes.rows(),
                        codes.k(),
                        codes.values().length,
                        starts.address(),
                        columns.address(),
                        values.address());
                prepared = cuda.csrProduct(matrix, tokens, input.address(), out);
                workspace = held(memory.undefined(prepared.workspaceBytes()));
                product = prepared;
            } catch (RuntimeException | Error failure) {
                if (prepared != null) {
                    prepared.close();
                }
                blocks.forEach(CudaBlock::close);
                throw failure;
            }
        }

        private CudaBlock held(CudaBlock block) {
            blocks.add(block);
            return block;
        }

        @Override
        public void multiply() {
            product.multiply(workspace.address());
        }

        @Override
        public long bytes() {
            return bytes;
        }

        @Override
        public void close() {
            product.close();
            blocks.forEach(CudaBlock::close);
        }
    }
}
