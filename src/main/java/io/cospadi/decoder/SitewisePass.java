package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;

/**
 * Many windows through a model whose projections are replaced on the way: layer by layer like {@link LayerwisePass}, but halting
 * at every input site, where the inputs of all windows can be looked at before the projections that read them are replaced.
 * The hidden states wait at the layer's input, then behind its attention, so whoever replaces what lies behind projections has
 * these computed twice; who replaces nothing looks on while the windows are taken on.
 *
 * <pre>{@code
 * while (pass.nextLayer() < layers) {
 *     pass.enter();                       // inputs of ATTENTION_INPUT; replace q, k, v; of ATTENTION_OUTPUT; replace o
 *     pass.attend(listener, progress);    // inputs of MLP_INPUT; replace gate, up; of MLP_HIDDEN; replace down
 *     pass.feedForward(listener, progress);
 * }
 * }</pre>
 */
public final class SitewisePass implements AutoCloseable {
    private final Decoder decoder;
    private final int windows;
    private final HiddenStates states;
    private final KvCache cache;
    private final LayerSequence layers;
    private int nextLayer;

    /**
     * Embeds all windows.
     *
     * @param windows       token ids, each window at least one and at most the model's positions; not modified
     * @param bytesInMemory hidden states kept in memory, at most; the others are spilled
     * @param spillFolder   an existing folder for the temporary file
     */
    public SitewisePass(Decoder decoder, List<int[]> windows, long bytesInMemory, Path spillFolder) {
        this.decoder = decoder;
        this.windows = windows.size();
        layers = new LayerSequence(decoder);
        states = HiddenStates.embedded(decoder, windows, bytesInMemory, spillFolder);
        try {
            cache = KvCache.ofOneLayer(decoder.backend(), decoder.config(), states.longest());
        } catch (RuntimeException | Error failure) {
            states.close();
            throw failure;
        }
    }

    /** The layer that {@link #enter} will load, or that it loaded and that is not through yet. */
    public int nextLayer() {
        return nextLayer;
    }

    /** Loads the next layer. */
    public void enter() {
        layers.enter(nextLayer);
    }

    /**
     * Computes with {@code linear} in place of a projection of the layer.
     *
     * @param linear of its sizes, owned from here on
     */
    public void replace(ProjectionType type, Linear linear) {
        layers.current().replace(type, linear);
    }

    /** A window's hidden states where they wait now, (its tokens, hiddenSize) F32; valid until another window is opened. */
    public Matrix open(int window) {
        return states.open(window);
    }

    /**
     * The inputs of a site of this half for some rows of a window, as the layer's projections before it are now.
     *
     * @param hidden of the window, from {@link #open}; read only
     * @param from   first row, a multiple of {@link Decoder#CHUNK_ROWS}; the rows before it have been asked for since the window
     *               was opened
     * @return (up to CHUNK_ROWS rows, d1) F32, read only, valid until this pass is asked for anything else
     */
    public Matrix input(InputSite site, Matrix hidden, int from) {
        return layers.current().input(site, rows(hidden, from), cache, from);
    }

    private static Matrix rows(Matrix hidden, int from) {
        return hidden.rows(from, Math.min(Decoder.CHUNK_ROWS, hidden.rows() - from));
    }

    /**
     * Takes all windows behind the layer's attention.
     *
     * @param listener sees the inputs of the projections on the way
     */
    public void attend(LayerwisePass.WindowListener listener, Progress progress) {
        DecoderLayer layer = layers.current();
        forEachChunk((rows, from, seen) -> layer.attend(rows, cache, from, seen), listener, progress, () -> {});
    }

    /** Takes all windows, which are behind its attention, to the layer's output, likewise, and frees the layer. */
    public void feedForward(LayerwisePass.WindowListener listener, Progress progress) {
        DecoderLayer layer = layers.current();
        forEachChunk(
                (rows, from, seen) -> layer.feedForward(rows, seen),
                listener,
                progress,
                () -> layers.expect(nextLayer + 1));
        layers.leave();
        nextLayer++;
    }

    @FunctionalInterface
    private interface Half {
        void run(Matrix rows, int from, SiteListener listener);
    }

    /** @param behindLast what is done once all is queued, before the last window is saved, which may wait for the device */
    private void forEachChunk(
            Half half, LayerwisePass.WindowListener listener, Progress progress, Runnable behindLast) {
        for (int window = 0; window < windows; window++) {
            SiteListener ofWindow = listener.window(window);
            Matrix hidden = states.open(window);
            for (int from = 0; from < hidden.rows(); from += Decoder.CHUNK_ROWS) {
                half.run(rows(hidden, from), from, ofWindow);
            }
            if (window == windows - 1) {
                behindLast.run();
            }
            states.save(window);
            progress.advance(window + 1L, windows);
        }
    }

    @Override
    public void close() {
        layers.close();
        states.close();
        cache.close();
    }
}
