package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;

/**
 * Many windows through a model, layer by layer: one layer's weights in memory at a time ({@link LayerSequence}), each read once,
 * however large the model is. Between layers the hidden states of all windows wait in memory up to a limit and beyond it in a
 * temporary file.
 *
 * <pre>{@code
 * try (var pass = new LayerwisePass(decoder, windows, 512L << 20, folder)) {
 *     while (pass.nextLayer() < layers) pass.advance(window -> listener, Progress.NONE);
 *     for (int i = 0; i < pass.windows(); i++) use(pass.hidden(i));
 * }
 * }</pre>
 */
public final class LayerwisePass implements AutoCloseable {
    private final Decoder decoder;
    private final List<int[]> windows;
    private final HiddenStates states;
    private final KvCache cache;
    private final LayerSequence layers;
    private int nextLayer;

    /** Whom the windows of one layer are shown to. */
    @FunctionalInterface
    public interface WindowListener {
        /** Called before each window, in order; the result sees the inputs of its projections. */
        SiteListener window(int index);
    }

    /**
     * Embeds all windows.
     *
     * @param windows       token ids, each window at least one and at most the model's positions; not modified
     * @param bytesInMemory hidden states kept in memory, at most; the others are spilled
     * @param spillFolder   an existing folder for the temporary file
     */
    public LayerwisePass(Decoder decoder, List<int[]> windows, long bytesInMemory, Path spillFolder) {
        this.decoder = decoder;
        this.windows = List.copyOf(windows);
        layers = new LayerSequence(decoder);
        states = HiddenStates.embedded(decoder, this.windows, bytesInMemory, spillFolder);
        try {
            cache = KvCache.ofOneLayer(decoder.backend(), decoder.config(), states.longest());
        } catch (RuntimeException | Error failure) {
            states.close();
            throw failure;
        }
    }

    /** The layer that {@link #advance} will run; the model's number of layers when all are done. */
    public int nextLayer() {
        return nextLayer;
    }

    /** Whether some hidden states live on disk. */
    public boolean spills() {
        return states.spills();
    }

    /**
     * Loads the next layer, runs every window through it and frees it.
     *
     * @param progress counts windows of this layer
     */
    public void advance(WindowListener listener, Progress progress) {
        DecoderLayer layer = layers.enter(nextLayer);
        for (int window = 0; window < windows.size(); window++) {
            layer.forward(states.open(window), cache, 0, listener.window(window));
            if (window == windows.size() - 1) {
                layers.expect(nextLayer + 1); // before states are saved: those on disk wait for the device
            }
            states.save(window);
            progress.advance(window + 1L, windows.size());
        }
        layers.leave();
        nextLayer++;
    }

    /** How many windows there are. */
    public int windows() {
        return windows.size();
    }

    /**
     * A window's states after the last layer, before the final norm: (its tokens, hiddenSize) F32, read only, valid until
     * another window is asked for.
     */
    public Matrix hidden(int window) {
        if (nextLayer != decoder.config().layers()) {
            throw new IllegalStateException(
                    "only " + nextLayer + " of " + decoder.config().layers() + " layers have run");
        }
        return states.open(window);
    }

    @Override
    public void close() {
        layers.close();
        states.close();
        cache.close();
    }
}
