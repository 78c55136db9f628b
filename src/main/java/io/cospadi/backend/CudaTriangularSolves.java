package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.TriangularKernels;

/**
 * Triangular solves. In f32 they are made of products, which a GPU does fastest: the factor's diagonal blocks are inverted at once;
 * then a half is solved by recursion, a product takes it off the other half, and that is solved. A row-major lower triangle is a
 * column-major upper one, a row-major right-hand side a column-major one to solve from the right.
 *
 * <p>The residual b − L x of a block is within rounding of |L| |L⁻¹| |b|, where substitution has |L| |x|. That is larger by up to
 * the block's condition number, if b avoids all that L⁻¹ magnifies. What is not finite in b makes NaN of its whole column within
 * a block, not of the rows behind it alone.
 *
 * @see "Du Croz, Higham: Stability of methods for matrix inversion, IMA J. Numer. Anal. 12 (1992)"
 */
final class CudaTriangularSolves {
    private static final int BLOCK = TriangularKernels.BLOCK;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final TriangularKernels triangular;

    CudaTriangularSolves(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        triangular = new TriangularKernels(cuda);
    }

    /** As {@link LinearAlgebra#solveTriangular}. */
    void solve(CudaMatrix factor, boolean transposed, CudaMatrix b) {
        sweep(factor, b, transposed);
    }

    /** As {@link LinearAlgebra#solveCholesky}. */
    void solveCholesky(CudaMatrix factor, CudaMatrix b) {
        sweep(factor, b, false, true);
    }

    /** Solves with the factor, or its transpose where that is asked for, one after the other. */
    private void sweep(CudaMatrix factor, CudaMatrix b, boolean... transposed) {
        int n = b.rows();
        int m = b.cols();
        if (b.elements() == 0) {
            return;
        }
        // a factor of one block leaves nothing to a product: an inversion, a copy and a multiplication in place of one
        // call
        if (!b.isF32() || n <= BLOCK) {
            for (boolean each : transposed) {
                cuda.solveFromTheRight(b.arithmetic(), each, m, n, factor.address(), n, b.address(), m);
            }
            return;
        }
        try (CudaBlock inverses = memory.scratch((long) Float.BYTES * n * BLOCK);
                CudaBlock given = memory.scratch((long) Float.BYTES * BLOCK * m)) {
            triangular.invertDiagonalBlocks(factor.address(), inverses.address(), n);
            Operands on = new Operands(factor.address(), inverses.address(), given.address(), b.address(), n, m);
            for (boolean each : transposed) {
                solve(on, each, 0, n);
            }
        }
    }

    /**
     * What a solve works on, by address, f32, row-major.
     *
     * @param factor   (n, n)
     * @param inverses (n, BLOCK), of its diagonal blocks
     * @param given    (BLOCK, m), room for a block's right-hand sides, as products overwrite no factor of theirs
     * @param b        (n, m), right-hand sides that become solutions
     */
    private record Operands(long factor, long inverses, long given, long b, int n, int m) {
        long factor(int row, int column) {
            return factor + Float.BYTES * ((long) row * n + column);
        }

        long inverse(int row) {
            return inverses + Float.BYTES * ((long) row * BLOCK);
        }

        long b(int row) {
            return b + Float.BYTES * ((long) row * m);
        }
    }

    /** Solves for rows from {@code first}, a multiple of BLOCK, whose right-hand sides are free of all others. */
    private void solve(Operands on, boolean transposed, int first, int rows) {
        int m = on.m();
        if (rows <= BLOCK) {
            cuda.copy(on.given(), on.b(first), (long) Float.BYTES * rows * m);
            cuda.gemm(
                    Arithmetic.F32,
                    false,
                    transposed,
                    m,
                    rows,
                    rows,
                    1,
                    on.given(),
                    m,
                    on.inverse(first),
                    BLOCK,
                    0,
                    on.b(first),
                    m);
            return;
        }
        int blocks = (rows - 1) / BLOCK + 1;
        int middle = first + blocks / 2 * BLOCK;
        int end = first + rows;
        // a transposed factor is solved from the end
        int sooner = transposed ? middle : first;
        int soonerRows = transposed ? end - middle : middle - first;
        int later = transposed ? first : middle;
        int laterRows = rows - soonerRows;
        solve(on, transposed, sooner, soonerRows);
        cuda.gemm(
                Arithmetic.F32,
                false,
                transposed,
                m,
                laterRows,
                soonerRows,
                -1,
                on.b(sooner),
                m,
                on.factor(middle, first),
                on.n(),
                1,
                on.b(later),
                m);
        solve(on, transposed, later, laterRows);
    }
}
