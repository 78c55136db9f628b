package io.cospadi.gpu;

import static org.bytedeco.openblas.global.openblas_full.CblasColMajor;
import static org.bytedeco.openblas.global.openblas_full.CblasLower;
import static org.bytedeco.openblas.global.openblas_full.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_full.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas_full.CblasRight;
import static org.bytedeco.openblas.global.openblas_full.CblasTrans;
import static org.bytedeco.openblas.global.openblas_full.CblasUpper;
import static org.bytedeco.openblas.global.openblas_full.LAPACKE_dpotrf;
import static org.bytedeco.openblas.global.openblas_full.LAPACKE_dsyevd;
import static org.bytedeco.openblas.global.openblas_full.LAPACKE_spotrf;
import static org.bytedeco.openblas.global.openblas_full.LAPACKE_ssyevd;
import static org.bytedeco.openblas.global.openblas_full.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas_full.cblas_dgemm;
import static org.bytedeco.openblas.global.openblas_full.cblas_dsyrk;
import static org.bytedeco.openblas.global.openblas_full.cblas_dtrsm;
import static org.bytedeco.openblas.global.openblas_full.cblas_sgemm;
import static org.bytedeco.openblas.global.openblas_full.cblas_ssyrk;
import static org.bytedeco.openblas.global.openblas_full.cblas_strsm;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DeviceMemoryException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/**
 * A GPU in emulation: memory is the host's, the kernels run in {@link Simt}, cuBLAS and cuSOLVER are stood for by OpenBLAS,
 * cuSPARSE by plain loops, and each call is done before it returns. So everything above the seam is the program's own code as it runs on a GPU.
 */
public final class EmulatedCuda implements CudaCalls {
    private static final class Address extends Pointer {
        Address(long address) {
            this.address = address;
        }
    }

    private static final int PIECE_BYTES = 1 << 12;
    private static final long MEMORY = 1L << 30;

    /** LAPACKE's potrf about its fourth argument. */
    private static final int NAN_IN_MATRIX = -4;

    private final EmulatedDevice device;
    private final Map<Long, Long> held = new HashMap<>();
    private final long memory;
    private final long reserved;
    private final int sharedBytes;
    private long heldBytes;
    private List<Runnable> captured;

    public EmulatedCuda() {
        this(MEMORY);
    }

    /** @param memory bytes that it has */
    public EmulatedCuda(long memory) {
        this(memory, 0);
    }

    /** @param reserved bytes of them that libraries work in */
    public EmulatedCuda(long memory, long reserved) {
        this(memory, reserved, LaunchGeometry.MOST_SHARED_BYTES);
    }

    private EmulatedCuda(long memory, long reserved, int sharedBytes) {
        device = new EmulatedDevice(sharedBytes);
        this.memory = memory;
        this.reserved = reserved;
        this.sharedBytes = sharedBytes;
    }

    /** One whose blocks have no more shared memory than those of the GPUs that have least. */
    public static EmulatedCuda withLeastShared() {
        return withShared(LaunchGeometry.LEAST_SHARED_BYTES);
    }

    /** One whose blocks have so many bytes of shared memory. */
    public static EmulatedCuda withShared(int bytes) {
        return new EmulatedCuda(MEMORY, 0, bytes);
    }

    @Override
    public DeviceProperties properties() {
        return new DeviceProperties(0, "emulation", "0000:00:00.0", 8, 0, 4, sharedBytes, true, memory, "12.6");
    }

    static FloatPointer floats(long address) {
        return new FloatPointer(new Address(address));
    }

    static DoublePointer doubles(long address) {
        return new DoublePointer(new Address(address));
    }

    private static IntPointer ints(long address) {
        return new IntPointer(new Address(address));
    }

    private void run(Runnable call) {
        if (captured != null) {
            captured.add(call);
        } else {
            call.run();
        }
    }

    private void requireNoCapture(String call) {
        assertTrue(captured == null, () -> call + " while launches are recorded");
    }

    @Override
    public long allocate(long bytes) {
        if (bytes > freeBytes()) {
            throw new DeviceMemoryException(
                    "no room on the emulation for " + bytes + " bytes, " + freeBytes() + " are free");
        }
        long address = device.allocate(bytes);
        held.put(address, bytes);
        heldBytes += bytes;
        return address;
    }

    @Override
    public void free(long address) {
        requireNoCapture("free");
        device.free(address);
        heldBytes -= held.remove(address);
    }

    @Override
    public long freeBytes() {
        return memory - reserved - heldBytes;
    }

    @Override
    public long reservedBytes() {
        return reserved;
    }

    @Override
    public void toDevice(long to, long bytes, Piece fill) {
        requireNoCapture("toDevice");
        inPieces(to, bytes, fill);
    }

    @Override
    public void toDeviceBeside(Mark lastUse, long to, long bytes, Piece fill) {
        requireNoCapture("toDeviceBeside");
        inPieces(to, bytes, fill);
    }

    @Override
    public void toHost(long from, long bytes, Piece empty) {
        requireNoCapture("toHost");
        inPieces(from, bytes, empty);
    }

    /** Copied at once, but late for whoever asks: it has arrived only when asked for the second time, as with a busy device. */
    @Override
    public Fetched fetch(long from) {
        requireNoCapture("fetch");
        double value = doubles(from).get();
        return new Fetched() {
            private boolean asked;

            @Override
            public boolean arrived() {
                boolean before = asked;
                asked = true;
                return before;
            }

            @Override
            public double value() {
                asked = true;
                return value;
            }
        };
    }

    /** Small ones, so that tests meet their edges. */
    private static void inPieces(long address, long bytes, Piece piece) {
        for (long done = 0; done < bytes; done += PIECE_BYTES) {
            int count = (int) Math.min(PIECE_BYTES, bytes - done);
            ByteBuffer memory =
                    new BytePointer(new Address(address + done)).capacity(count).asByteBuffer();
            piece.pass(memory.order(ByteOrder.nativeOrder()), done);
        }
    }

    @Override
    public void copy(long to, long from, long bytes) {
        run(() -> Pointer.memcpy(new Address(to), new Address(from), bytes));
    }

    @Override
    public void zero(long to, long bytes) {
        run(() -> Pointer.memset(new Address(to), 0, bytes));
    }

    @Override
    public void launch(String kernel, LaunchGeometry geometry, Object... arguments) {
        run(() -> device.launch(kernel, geometry, arguments));
    }

    private static int operation(boolean transpose) {
        return transpose ? CblasTrans : CblasNoTrans;
    }

    @Override
    public void gemm(
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
        int opA = operation(transposeA);
        int opB = operation(transposeB);
        run(() -> {
            switch (arithmetic) {
                case F64 ->
                    cblas_dgemm(
                            CblasColMajor,
                            opA,
                            opB,
                            m,
                            n,
                            k,
                            alpha,
                            doubles(a),
                            lda,
                            doubles(b),
                            ldb,
                            beta,
                            doubles(c),
                            ldc);
                case F32 ->
                    cblas_sgemm(
                            CblasColMajor,
                            opA,
                            opB,
                            m,
                            n,
                            k,
                            (float) alpha,
                            floats(a),
                            lda,
                            floats(b),
                            ldb,
                            (float) beta,
                            floats(c),
                            ldc);
                case BF16 -> {
                    try (FloatPointer wideA = transposeA ? widened(a, k, m, lda) : widened(a, m, k, lda);
                            FloatPointer wideB = transposeB ? widened(b, n, k, ldb) : widened(b, k, n, ldb)) {
                        cblas_sgemm(
                                CblasColMajor,
                                opA,
                                opB,
                                m,
                                n,
                                k,
                                (float) alpha,
                                wideA,
                                lda,
                                wideB,
                                ldb,
                                (float) beta,
                                floats(c),
                                ldc);
                    }
                }
            }
        });
    }

    /** A bf16 matrix, column-major, as f32 of the host's, columns as far apart. */
    private static FloatPointer widened(long address, int rows, int cols, int ld) {
        short[] stored = new short[Math.toIntExact((cols - 1L) * ld + rows)];
        new ShortPointer(new Address(address)).get(stored);
        float[] wide = new float[stored.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = Bfloat16.toFloat(stored[i]);
        }
        return new FloatPointer(wide);
    }

    @Override
    public void symmetricProduct(
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
        int operation = operation(transposed);
        run(() -> {
            if (arithmetic == Arithmetic.F64) {
                cblas_dsyrk(CblasColMajor, CblasLower, operation, n, k, alpha, doubles(a), lda, beta, doubles(c), ldc);
            } else {
                cblas_ssyrk(
                        CblasColMajor,
                        CblasLower,
                        operation,
                        n,
                        k,
                        (float) alpha,
                        floats(a),
                        lda,
                        (float) beta,
                        floats(c),
                        ldc);
            }
        });
    }

    @Override
    public void solveFromTheRight(
            Arithmetic arithmetic, boolean transposed, int m, int n, long u, int ldu, long b, int ldb) {
        int operation = operation(transposed);
        run(() -> {
            if (arithmetic == Arithmetic.F64) {
                cblas_dtrsm(
                        CblasColMajor,
                        CblasRight,
                        CblasUpper,
                        operation,
                        CblasNonUnit,
                        m,
                        n,
                        1,
                        doubles(u),
                        ldu,
                        doubles(b),
                        ldb);
            } else {
                cblas_strsm(
                        CblasColMajor,
                        CblasRight,
                        CblasUpper,
                        operation,
                        CblasNonUnit,
                        m,
                        n,
                        1,
                        floats(u),
                        ldu,
                        floats(b),
                        ldb);
            }
        });
    }

    @Override
    public long choleskyWorkspace(Arithmetic arithmetic, int n, long a, int lda) {
        return arithmetic.bytes();
    }

    /** cuSOLVER finds nothing wrong with NaN, which reaches the factor's last diagonal element; LAPACKE looks for it first. */
    @Override
    public void cholesky(Arithmetic arithmetic, int n, long a, int lda, long workspace, long bytes, long info) {
        byte lower = 'L';
        long last = (n - 1L) * (lda + 1L);
        run(() -> {
            int status;
            if (arithmetic == Arithmetic.F64) {
                status = LAPACKE_dpotrf(LAPACK_COL_MAJOR, lower, n, doubles(a), lda);
                if (status == NAN_IN_MATRIX) {
                    doubles(a).put(last, Double.NaN);
                }
            } else {
                status = LAPACKE_spotrf(LAPACK_COL_MAJOR, lower, n, floats(a), lda);
                if (status == NAN_IN_MATRIX) {
                    floats(a).put(last, Float.NaN);
                }
            }
            ints(info).put(status == NAN_IN_MATRIX ? 0 : status);
        });
    }

    @Override
    public long eigenWorkspace(Arithmetic arithmetic, int n, long a, int lda, long values) {
        return arithmetic.bytes();
    }

    @Override
    public void eigenSymmetric(
            Arithmetic arithmetic, int n, long a, int lda, long values, long workspace, long bytes, long info) {
        byte vectors = 'V';
        byte upper = 'U';
        run(() -> ints(info)
                .put(
                        arithmetic == Arithmetic.F64
                                ? LAPACKE_dsyevd(LAPACK_COL_MAJOR, vectors, upper, n, doubles(a), lda, doubles(values))
                                : LAPACKE_ssyevd(LAPACK_COL_MAJOR, vectors, upper, n, floats(a), lda, floats(values))));
    }

    /** Plain loops over the rows, in doubles. */
    @Override
    public CsrProduct csrProduct(CsrMatrix matrix, int tokens, long x, long y) {
        return new CsrProduct() {
            @Override
            public long workspaceBytes() {
                return 0;
            }

            @Override
            public void multiply(long workspace) {
                run(() -> {
                    for (int t = 0; t < tokens; t++) {
                        for (int i = 0; i < matrix.rows(); i++) {
                            double sum = 0;
                            int end = ints(matrix.offsets()).get(i + 1);
                            for (int p = ints(matrix.offsets()).get(i); p < end; p++) {
                                int at = t * matrix.cols()
                                        + ints(matrix.columns()).get(p);
                                sum += (double) bfloat(matrix.values(), p) * bfloat(x, at);
                            }
                            floats(y).put((long) t * matrix.rows() + i, (float) sum);
                        }
                    }
                });
            }

            @Override
            public void close() {}
        };
    }

    private static float bfloat(long address, long index) {
        return Bfloat16.toFloat(new ShortPointer(new Address(address)).get(index));
    }

    @Override
    public void synchronize() {
        requireNoCapture("synchronize");
    }

    @Override
    public void beginCapture() {
        requireNoCapture("beginCapture");
        captured = new ArrayList<>();
    }

    @Override
    public Graph endCapture() {
        List<Runnable> calls = List.copyOf(captured);
        captured = null;
        return new Graph() {
            @Override
            public void launch() {
                calls.forEach(EmulatedCuda.this::run);
            }

            @Override
            public void close() {}
        };
    }

    /** The host's time: all that was queued before is done. */
    private record HostMark(long nanos) implements Mark {
        @Override
        public double millisecondsSince(Mark earlier) {
            return (nanos - ((HostMark) earlier).nanos) * 1e-6;
        }

        @Override
        public boolean passed() {
            return true;
        }

        @Override
        public void close() {}
    }

    @Override
    public Mark mark() {
        return new HostMark(System.nanoTime());
    }

    @Override
    public void close() {
        device.close();
    }
}
