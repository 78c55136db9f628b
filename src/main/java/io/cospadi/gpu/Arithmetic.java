package io.cospadi.gpu;

/** What a dense product reads, multiplies and writes in; stated on every call, never left to a library's default. */
public enum Arithmetic {
    /** f64 throughout. */
    F64(Double.BYTES),
    /** f32 throughout, no reduced-precision tensor cores. */
    F32(Float.BYTES),
    /** bf16 factors, f32 sums and result. */
    BF16(Short.BYTES);

    private final int bytes;

    Arithmetic(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element of a factor. */
    public int bytes() {
        return bytes;
    }
}
