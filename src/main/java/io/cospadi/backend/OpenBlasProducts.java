package io.cospadi.backend;

import io.cospadi.tensor.Codes;
import java.util.Optional;

/** OpenBLAS on the processor, which multiplies nothing sparse. */
final class OpenBlasProducts implements VendorProducts {
    private final CpuBackend backend;

    OpenBlasProducts(CpuBackend backend) {
        this.backend = backend;
    }

    @Override
    public String dense() {
        return Footprint.CPU.dense();
    }

    @Override
    public Optional<String> sparse() {
        return Optional.empty();
    }

    @Override
    public VendorProduct dense(Matrix weight, Matrix x, Matrix out) {
        return new VendorProduct() {
            @Override
            public void multiply() {
                backend.gemm(1, x, false, weight, true, 0, out);
            }

            @Override
            public long bytes() {
                return (long) weight.dtype().bytes() * weight.rows() * weight.cols();
            }

            @Override
            public void close() {
                weight.close();
            }
        };
    }

    @Override
    public VendorProduct sparse(Codes codes, Matrix x, Matrix out) {
        throw new IllegalStateException("no library multiplies sparse matrices on the processor");
    }
}
