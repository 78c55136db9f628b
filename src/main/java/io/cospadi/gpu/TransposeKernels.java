package io.cospadi.gpu;

import io.cospadi.tensor.DType;

/** Launches of {@code transpose.cu}: matrices of F32 or F64, row-major and dense, by address. */
public final class TransposeKernels {
    private static final int TILE = 32;

    private final Launcher launcher;

    public TransposeKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** {@code out (cols, rows) <- xᵀ} for x (rows, cols), which is not out. */
    public void transpose(DType type, long x, long out, int rows, int cols) {
        if (rows > 0 && cols > 0) {
            launcher.launch(Typed.kernel("transpose", type), tiles(rows, cols), x, out, rows, cols);
        }
    }

    /** The strict upper triangle of x (n, n) becomes the lower one, mirrored. */
    public void mirrorLower(DType type, long x, int n) {
        mirror("mirror_lower", type, x, n);
    }

    /** The strict lower triangle of x (n, n) becomes the upper one, mirrored. */
    public void mirrorUpper(DType type, long x, int n) {
        mirror("mirror_upper", type, x, n);
    }

    private void mirror(String family, DType type, long x, int n) {
        if (n > 0) {
            launcher.launch(Typed.kernel(family, type), tiles(n, n), x, n);
        }
    }

    private static LaunchGeometry tiles(int rows, int cols) {
        int down = Math.min(65535, (rows - 1) / TILE + 1);
        return new LaunchGeometry((cols - 1) / TILE + 1, down, TILE, LaunchGeometry.WARPS, 0);
    }
}
