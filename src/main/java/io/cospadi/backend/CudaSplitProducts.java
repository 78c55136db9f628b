package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.StorageKernels;
import java.util.function.Consumer;

/**
 * Products of f32 rows with bf16 matrices on tensor cores. These multiply bf16 alone, so a row is cut into three bf16 terms that
 * add up to it, and the products of all three, smallest first, into one f32 result: three products at bf16's rate, 990 TFLOP/s of
 * an H100 by its data sheet, instead of one at the 67 of f32; not yet measured. Nothing of either factor is rounded, but of elements
 * below 2^-110 less than 2^-133; one that is not finite makes NaN of its row's results.
 *
 * <p>Sums are f32's, but tensor cores cut them where other units round, always towards 0, so that errors grow with the number of
 * products. Long sums are therefore made of {@link #SLAB} products each, which are added with rounding. By a model of such cores
 * results are then off by 2^-17 of their typical size, where f32's own products are by 2^-22; not yet measured.
 */
final class CudaSplitProducts {
    /** Products that one sum takes in. Below that, reading and writing sums would cost more than the products. */
    static final int SLAB = 4096;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final StorageKernels storage;

    CudaSplitProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        storage = new StorageKernels(cuda);
    }

    /** Elements from one bf16 row to the next: tensor cores are fed fastest with rows on 16-byte boundaries. */
    static int pitch(int cols) {
        return Math.addExact(cols, 7) / 8 * 8;
    }

    private static long rowBytes(int cols) {
        return (long) StorageKernels.TERMS * Arithmetic.BF16.bytes() * pitch(cols);
    }

    /** Rows that so many bytes hold terms of, 1 or more. */
    static int rowsWithin(long bytes, int cols) {
        return (int) Math.max(1, Math.min(Integer.MAX_VALUE, bytes / rowBytes(cols)));
    }

    /** Has all of x multiplied, as many rows at a time as a tile of memory holds terms of. */
    void forRows(CudaMatrix x, Consumer<Rows> multiply) {
        forRows(x, rowsWithin(CudaMemory.TILE_BYTES, x.cols()), multiply);
    }

    /** Has all of x multiplied, so many rows at a time. */
    void forRows(CudaMatrix x, int most, Consumer<Rows> multiply) {
        int pitch = pitch(x.cols());
        int atOnce = Math.min(x.rows(), most);
        try (CudaBlock terms = memory.scratch(atOnce * rowBytes(x.cols()))) {
            for (int from = 0; from < x.rows(); from += atOnce) {
                int count = Math.min(atOnce, x.rows() - from);
                storage.split(x.address() + 4L * from * x.cols(), count, x.cols(), pitch, terms.address());
                multiply.accept(new Rows(terms.address(), from, count, pitch));
            }
        }
    }

    /** Rows {@code from .. from+count-1}, in terms. */
    final class Rows {
        private final long terms;
        private final int from;
        private final int count;
        private final int pitch;

        private Rows(long terms, int from, int count, int pitch) {
            this.terms = terms;
            this.from = from;
            this.count = count;
            this.pitch = pitch;
        }

        private long term(int number) {
            return terms + (long) Arithmetic.BF16.bytes() * number * count * pitch;
        }

        /**
         * {@code c <- alpha · rows · op(b) + beta · c}, in these rows of c and some of its columns.
         *
         * @param b      bf16, row-major; op transposes where the flag says so
         * @param ldb    elements from one of its rows to the next
         * @param inner  columns of the rows that count, up to their pitch
         * @param column the first of c's columns
         */
        void multiply(
                double alpha,
                long b,
                int ldb,
                boolean transposeB,
                int inner,
                double beta,
                CudaMatrix c,
                int column,
                int columns) {
            double kept = beta;
            for (int term = StorageKernels.TERMS - 1; term >= 0; term--) {
                for (int first = 0; first < inner; first += SLAB) {
                    long skipped = transposeB ? first : (long) first * ldb;
                    cuda.gemm(
                            Arithmetic.BF16,
                            transposeB,
                            false,
                            columns,
                            count,
                            Math.min(SLAB, inner - first),
                            alpha,
                            b + Arithmetic.BF16.bytes() * skipped,
                            ldb,
                            term(term) + (long) Arithmetic.BF16.bytes() * first,
                            pitch,
                            kept,
                            c.address() + 4 * ((long) from * c.cols() + column),
                            c.cols());
                    kept = 1;
                }
            }
        }

        /**
         * These rows' Gram matrix, in its rows {@code first .. first+height-1} and from column {@code first} on: products of terms
         * i and j, the smallest first. Those with i + j > 2 are left out: less than 2^-21 of an element's product with another,
         * 2^-24 in the mean.
         *
         * @param first a multiple of 8
         * @param c     (height, pitch - first) f32, a pitch from one row to the next; overwritten
         */
        void gram(int first, int height, long c) {
            long columns = (long) Arithmetic.BF16.bytes() * first;
            for (int sum = StorageKernels.TERMS - 1; sum >= 0; sum--) {
                for (int i = 0; i <= sum; i++) {
                    cuda.gemm(
                            Arithmetic.BF16,
                            false,
                            true,
                            pitch - first,
                            height,
                            count,
                            1,
                            term(sum - i) + columns,
                            pitch,
                            term(i) + columns,
                            pitch,
                            sum == StorageKernels.TERMS - 1 && i == 0 ? 0 : 1,
                            c,
                            pitch);
                }
            }
        }
    }
}
