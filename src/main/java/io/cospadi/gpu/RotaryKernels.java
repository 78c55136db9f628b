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
     * @param x              (tokens, heads, 2 half) f32, updated
     * @param cos            (positions, half) f32, read only
     * @param sin            as cos
     * @param positionOffset address of an int32 on the device that is added to {@code first}, or 0
     * @param first          position of the first token, {@code first + *positionOffset + tokens <= positions}
     */
    public void rotate(long x, long cos, long sin, long positionOffset, int tokens, int heads, int half, int first) {
        launch(x, cos, sin, positionOffset, tokens, heads, half, first, 1);
    }

    /** {@link #rotate} by the opposite angles. */
    public void rotateBack(
            long x, long cos, long sin, long positionOffset, int tokens, int heads, int half, int first) {
        launch(x, cos, sin, positionOffset, tokens, heads, half, first, -1);
    }

    /**
     * Queries are turned in their place, as {@link #rotate} does; {@code keyCache[first + *positionOffset + i] <-} key i turned, and
     * {@code valueCache[..] <-} value i as it is. Keys and values are read only.
     *
     * @param queries    (tokens, heads, 2 half)
     * @param keys       (tokens, kvHeads, 2 half), and so values
     * @param keyCache   (positions, kvHeads, 2 half), and so valueCache
     */
    public void rotateAndAppend(
            long queries,
            long keys,
            long values,
            long keyCache,
            long valueCache,
            long cos,
            long sin,
            long positionOffset,
            int tokens,
            int heads,
            int kvHeads,
            int half,
            int first) {
        long pairs = (long) tokens * (heads + 2 * kvHeads) * half;
        if (pairs > 0) {
            launcher.launch(
                    "rotate_and_append",
                    LaunchGeometry.line(pairs),
                    queries,
                    keys,
                    values,
                    keyCache,
                    valueCache,
                    cos,
                    sin,
                    positionOffset,
                    tokens,
                    heads,
                    kvHeads,
                    half,
                    first);
        }
    }

    private void launch(
            long x,
            long cos,
            long sin,
            long positionOffset,
            int tokens,
            int heads,
            int half,
            int first,
            float direction) {
        long pairs = (long) tokens * heads * half;
        if (pairs > 0) {
            launcher.launch(
                    "rotate",
                    LaunchGeometry.line(pairs),
                    x,
                    cos,
                    sin,
                    positionOffset,
                    tokens,
                    heads,
                    half,
                    first,
                    direction);
        }
    }
}
