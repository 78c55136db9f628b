package io.cospadi.gpu;

import io.cospadi.tensor.DType;

/** Launches of {@code square.cu}: square matrices x (n, n) of F32 or F64, row-major and dense, by address. */
public final class SquareKernels {
    private final Launcher launcher;

    public SquareKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** {@code out (n) <- diagonal of x}. */
    public void diagonal(DType type, long x, long out, int n) {
        if (n > 0) {
            launcher.launch(Typed.kernel("diagonal", type), LaunchGeometry.line(n), x, out, n);
        }
    }

    /** Adds the value to every diagonal element. */
    public void addToDiagonal(DType type, long x, double value, int n) {
        if (n > 0) {
            launcher.launch(Typed.kernel("add_to_diagonal", type), LaunchGeometry.line(n), x, value, n);
        }
    }

    /** Adds the value, one f64 by address, to every diagonal element. */
    public void addToDiagonalBy(DType type, long x, long value, int n) {
        if (n > 0) {
            launcher.launch(Typed.kernel("add_to_diagonal_by", type), LaunchGeometry.line(n), x, value, n);
        }
    }

    /** {@code out <- 0 where info is 0 and the diagonal has no NaN, else 1}; info one int, out one f64; n is 1 or more. */
    public void outcome(DType type, long x, long info, long out, int n) {
        launcher.launch(Typed.kernel("outcome", type), LaunchGeometry.blocks(1, 0), x, info, out, n);
    }

    /** The strict upper triangle becomes 0. */
    public void clearUpper(DType type, long x, int n) {
        if (n > 0) {
            launcher.launch(Typed.kernel("clear_upper", type), LaunchGeometry.blocks(n, 0), x, n);
        }
    }

    /** Negates each row whose entry of largest magnitude, the lowest index on ties, is negative. */
    public void fixSigns(DType type, long x, int n) {
        if (n > 0) {
            launcher.launch(Typed.kernel("fix_signs", type), LaunchGeometry.blocks(n, 0), x, n);
        }
    }
}
