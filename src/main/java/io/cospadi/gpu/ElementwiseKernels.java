package io.cospadi.gpu;

/** Launches of {@code elementwise.cu}; matrices by address, f32, with their number of elements. */
public final class ElementwiseKernels {
    private final Launcher launcher;

    public ElementwiseKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** {@code out <- values} where the pattern is not 0, else +0; out may be values. */
    public void restrictTo(long pattern, long values, long out, long count) {
        if (count > 0) {
            launcher.launch("restrict_to", LaunchGeometry.line(count), pattern, values, out, count);
        }
    }

    /** {@code gate <- silu(gate) · up}, the gated activation SwiGLU. */
    public void siluMultiply(long gate, long up, long count) {
        if (count > 0) {
            launcher.launch("silu_multiply", LaunchGeometry.line(count), gate, up, count);
        }
    }

    /** Adds the bias of {@code cols} elements to every row of x (rows, cols). */
    public void addBias(long x, long bias, int rows, int cols) {
        long count = (long) rows * cols;
        if (count > 0) {
            launcher.launch("add_bias", LaunchGeometry.line(count), x, bias, cols, count);
        }
    }
}
