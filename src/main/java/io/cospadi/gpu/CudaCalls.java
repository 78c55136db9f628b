package io.cospadi.gpu;

import io.cospadi.tensor.DeviceMemoryException;
import java.nio.ByteBuffer;

/**
 * The calls of one device that everything CUDA stands on, and the seam at which the tests put an emulation in place of the
 * driver and its libraries. Addresses are the device's. All work is queued on one stream, in order, but for what
 * {@link #toDeviceBeside} copies; only calls that return values of the device wait for it. Not thread-safe.
 *
 * <p>Dense linear algebra is column-major, as the libraries have it: element (i, j) lies at {@code i + j * ld}.
 */
public interface CudaCalls extends Launcher, AutoCloseable {
    DeviceProperties properties();

    /**
     * Memory on a 256-byte boundary, contents undefined.
     *
     * @throws DeviceMemoryException if the device has not that much left
     */
    long allocate(long bytes);

    void free(long address);

    /** Bytes that the device could still give. */
    long freeBytes();

    /** Bytes of its memory that the libraries' handles were given to work in. */
    long reservedBytes();

    /** One piece of a transfer on the host, page-locked where there is a device. */
    @FunctionalInterface
    interface Piece {
        /**
         * Fills or empties all of {@code memory}, in the machine's byte order.
         *
         * @param offset bytes of the transfer before this piece, a multiple of 8
         */
        void pass(ByteBuffer memory, long offset);
    }

    /** Copies bytes that {@code fill} supplies, piece by piece; has asked for all of them when it returns. */
    void toDevice(long to, long bytes, Piece fill);

    /**
     * The same beside the queue: the copy doesn't wait for what was queued behind {@code lastUse}, and is done before what is
     * queued from now on begins.
     *
     * @param lastUse a mark behind all that uses those bytes; null: nothing does
     */
    void toDeviceBeside(Mark lastUse, long to, long bytes, Piece fill);

    /** Copies bytes to {@code empty}, piece by piece, and waits for them. */
    void toHost(long from, long bytes, Piece empty);

    /**
     * Begins to copy one f64 to the host, as it is when all that was queued before is done; waits for nothing, unless a hundred are on
     * their way.
     */
    Fetched fetch(long from);

    /** From device memory to device memory; the two do not overlap. */
    void copy(long to, long from, long bytes);

    /** Zero bytes. */
    void zero(long to, long bytes);

    /**
     * {@code C (m, n) <- alpha op(A) op(B) + beta C}, op(A) (m, k); C is f64 for F64, else f32.
     *
     * @param lda elements from one column of A, as it lies, to the next; so the others
     */
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
            int ldc);

    /**
     * Lower triangle of {@code C (n, n) <- alpha A Aᵀ + beta C} for A (n, k), or of {@code Aᵀ A} for A (k, n) if transposed.
     *
     * @param arithmetic F64 or F32
     */
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
            int ldc);

    /**
     * {@code B (m, n) <- B op(U)⁻¹} for an upper triangular U (n, n), in place.
     *
     * @param arithmetic F64 or F32
     */
    void solveFromTheRight(Arithmetic arithmetic, boolean transposed, int m, int n, long u, int ldu, long b, int ldb);

    /**
     * Bytes of device memory that {@link #cholesky} works in.
     *
     * @param arithmetic F64 or F32
     */
    long choleskyWorkspace(Arithmetic arithmetic, int n, long a, int lda);

    /**
     * Lower Cholesky factor, {@code L Lᵀ = A}, over A's lower triangle; the other is left. cuSOLVER takes 2.4 times as long over
     * an upper one (H100, n = 2184: 1.0 and 2.4 ms in f32).
     *
     * @param workspace of {@link #choleskyWorkspace} bytes
     * @param info      where an int goes: 0, or which leading minor was not positive definite
     */
    void cholesky(Arithmetic arithmetic, int n, long a, int lda, long workspace, long bytes, long info);

    /**
     * Bytes of device memory that {@link #eigenSymmetric} works in.
     *
     * @param arithmetic F64 or F32
     */
    long eigenWorkspace(Arithmetic arithmetic, int n, long a, int lda, long values);

    /**
     * Eigenvectors of a symmetric matrix, whose upper triangle is read, in its place: one a column, ascending by eigenvalue.
     *
     * @param values    where the n eigenvalues go
     * @param workspace of {@link #eigenWorkspace} bytes
     * @param info      where an int goes: 0, or how many off-diagonals did not converge
     */
    void eigenSymmetric(
            Arithmetic arithmetic, int n, long a, int lda, long values, long workspace, long bytes, long info);

    /**
     * Prepares {@code Y (tokens, rows) <- X (tokens, cols) Aᵀ} by the vendor's sparse library, X and Y row-major: what benchmarks
     * set the program's own products against.
     *
     * @param x where X lies, bf16
     * @param y where Y lies, f32; overwritten by each multiplication
     * @throws CudaUnavailableException if the library can't be loaded
     */
    CsrProduct csrProduct(CsrMatrix matrix, int tokens, long x, long y);

    /** Waits until the device has done all that was queued. */
    void synchronize();

    /** Starts to record what is queued from now on, instead of running it; calls that wait are errors until it ends. */
    void beginCapture();

    /** Ends the recording. */
    Graph endCapture();

    /** Marks this place in the queue. */
    Mark mark();

    /** A number that was fetched; it can be asked for at any time, also when the device is closed. */
    interface Fetched {
        /** Whether it is on the host. */
        boolean arrived();

        /** Waits for it. */
        double value();
    }

    /** A recorded run of launches. */
    interface Graph extends AutoCloseable {
        /** Queues the whole of it. */
        void launch();

        @Override
        void close();
    }

    /** A sparse product on operands that stay where they are. */
    interface CsrProduct extends AutoCloseable {
        /** Bytes of device memory, this product's own, that {@link #multiply} works in. */
        long workspaceBytes();

        /** Queues it. */
        void multiply(long workspace);

        @Override
        void close();
    }

    /** A place in the queue, for timing, or for a copy to wait for. */
    interface Mark extends AutoCloseable {
        /** Milliseconds of the device from an earlier mark to this one; waits for both. */
        double millisecondsSince(Mark earlier);

        /** Whether all that was queued before it is done; waits for nothing. */
        boolean passed();

        @Override
        void close();
    }

    @Override
    void close();
}
