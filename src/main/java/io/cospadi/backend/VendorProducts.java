package io.cospadi.backend;

import io.cospadi.tensor.Codes;
import java.util.Optional;

/** A weight's or codes' product with tokens by the libraries that others would call: what benchmarks set the verbs against. */
public interface VendorProducts {
    /** What multiplies dense weights, "cuBLAS bf16". */
    String dense();

    /** What multiplies sparse codes, "cuSPARSE CSR bf16"; empty if there is nothing. */
    Optional<String> sparse();

    /**
     * {@code out (tokens, d2) <- x (tokens, d1) weightᵀ}, x rounded to the library's type now.
     *
     * @param weight (d2, d1) of {@link Backend#weightType}; closed with the product
     * @param x      F32, read now
     * @param out    F32, overwritten by each multiplication, open until the product is closed
     */
    VendorProduct dense(Matrix weight, Matrix x, Matrix out);

    /**
     * {@code out (tokens, d2) <- x (tokens, k) codesᵀ} in compressed sparse rows, x rounded to the library's type now.
     *
     * @throws IllegalStateException if there is no such library
     */
    VendorProduct sparse(Codes codes, Matrix x, Matrix out);
}
