package io.cospadi.gpu;

/** Launches of {@code triangular.cu}: inverses of the diagonal blocks of a triangular matrix. */
public final class TriangularKernels {
    /** Rows of a diagonal block; the last one has what is left. */
    public static final int BLOCK = 128;

    private static final int SHARED_BYTES = Float.BYTES * BLOCK * (BLOCK + 4);

    private final Launcher launcher;

    public TriangularKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Inverts all diagonal blocks at once.
     *
     * @param factor   (n, n) f32, row-major, whose lower triangle is read
     * @param inverses (n, {@value #BLOCK}) f32, overwritten: the blocks' inverses one below the other, 0 beyond their diagonals
     */
    public void invertDiagonalBlocks(long factor, long inverses, int n) {
        if (n > 0) {
            LaunchGeometry geometry = LaunchGeometry.blocks((n - 1) / BLOCK + 1, SHARED_BYTES);
            launcher.launch("invert_diagonal_blocks", geometry, factor, inverses, n);
        }
    }
}
