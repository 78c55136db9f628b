package io.cospadi.gpu;

/** Launches of {@code rotary.cu}. */
public final class RotaryKernels {
    private final Launcher launcher;

    public RotaryKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Turns every head of every token by its position's angles, in place.
     *
     * @param x     (tokens, heads, 2 half) f32, updated
     * @param cos   (positions, half) f32, read only
     * @param sin   as cos
     * @param first position of the first token, {@code first + tokens <= positions}
     */
    public void rotate(long x, long cos, long sin, int tokens, int heads, int half, int first) {
        long pairs = (long) tokens * heads * half;
        if (pairs > 0) {
            launcher.launch("rotate", LaunchGeometry.line(pairs), x, cos, sin, tokens, heads, half, first);
        }
    }
}
