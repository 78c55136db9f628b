package io.cospadi.gpu;

import io.cospadi.tensor.DType;

/**
 * Launches of {@code arithmetic.cu}: element by element, matrices of one type (F32 or F64) a call unless said otherwise,
 * row-major and dense, by address.
 */
public final class ArithmeticKernels {
    private final Launcher launcher;

    public ArithmeticKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** {@code y <- alpha · x + y}. */
    public void axpy(DType type, double alpha, long x, long y, long count) {
        line("axpy", type, count, Typed.scalar(type, alpha), x, y, count);
    }

    /** {@code x <- alpha · x}. */
    public void scale(DType type, double alpha, long x, long count) {
        line("scale", type, count, Typed.scalar(type, alpha), x, count);
    }

    /** {@code y <- alpha · x + y} for alpha one f64, not in y, by address. */
    public void axpyBy(DType type, long alpha, long x, long y, long count) {
        line("axpy_by", type, count, alpha, x, y, count);
    }

    /** {@code x <- alpha · x} for alpha one f64, not in x, by address. */
    public void scaleBy(DType type, long alpha, long x, long count) {
        line("scale_by", type, count, alpha, x, count);
    }

    /** {@code out <- x where a < b}, else out stays; a and b one f64 each, either of which out may be. */
    public void copyIfLess(DType type, long a, long b, long x, long out, long count) {
        line("copy_if_less", type, count, a, b, x, out, count);
    }

    /** {@code y[i] <- factors[i] · x[i] + y[i]} for every row i; factors (rows). */
    public void axpyRows(DType type, long factors, long x, long y, int rows, int cols) {
        rows("axpy_rows", type, rows, cols, factors, x, y, rows, cols);
    }

    /** Row i of x times {@code factors[i]}; factors (rows). */
    public void scaleRows(DType type, long factors, long x, int rows, int cols) {
        rows("scale_rows", type, rows, cols, factors, x, rows, cols);
    }

    /** Column j of x times {@code factors[j]}; factors (cols). */
    public void scaleColumns(DType type, long factors, long x, int rows, int cols) {
        rows("scale_columns", type, rows, cols, factors, x, rows, cols);
    }

    /** {@code out <- x^exponent where x > 0, else 0}; out may be x. */
    public void power(DType type, long x, double exponent, long out, long count) {
        line("power", type, count, x, exponent, out, count);
    }

    /** {@code out <- x / y where y > 0, else 0}; out may be x or y. */
    public void ratio(DType type, long x, long y, long out, long count) {
        line("ratio", type, count, x, y, out, count);
    }

    /** {@code y <- x + y} for x F32 and y F64, both (rows, cols), pitches being elements from one row to the next. */
    public void addToDoubles(long x, int pitchX, long y, int pitchY, int rows, int cols) {
        if (rows > 0 && cols > 0) {
            launcher.launch("add_to_doubles", LaunchGeometry.warpsOfRows(rows, cols), x, pitchX, y, pitchY, rows, cols);
        }
    }

    private void line(String family, DType type, long count, Object... arguments) {
        if (count > 0) {
            launcher.launch(Typed.kernel(family, type), LaunchGeometry.line(count), arguments);
        }
    }

    private void rows(String family, DType type, int rows, int cols, Object... arguments) {
        if (rows > 0 && cols > 0) {
            launcher.launch(Typed.kernel(family, type), LaunchGeometry.warpsOfRows(rows, cols), arguments);
        }
    }
}
