package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Many windows through a dense model and back, layer by layer ({@link LayerSequence}). On the way forward the inputs of all
 * layers are kept, in memory up to a limit and beyond it in a temporary file; on the way back each layer is
 * computed again from its input. The loss of a window is the sum of the negative log-likelihoods of its {@link Labels}.
 *
 * <pre>{@code
 * try (var pass = new GradientPass(decoder, windows, labels, 512L << 20, folder)) {
 *     pass.forward(progress);
 *     while (pass.nextLayer() >= 0) pass.retreat(window -> listener, progress);
 * }
 * }</pre>
 */
public final class GradientPass implements AutoCloseable {
    private final Decoder decoder;
    private final List<int[]> windows;
    private final Labels labels;
    private final HiddenStates inputs;
    private final HiddenStates gradients;
    private final LayerGradient layerGradient;
    private final Workspace current;
    private final LayerSequence backwards;
    private int nextLayer;

    /** Whom the gradients of one layer are shown to. */
    @FunctionalInterface
    public interface WindowListener {
        /** Called before each window, in order; the result sees the gradients at its projections. */
        GradientListener window(int index);
    }

    /**
     * @param windows       token ids, each window at least one and at most the model's positions; not modified
     * @param bytesInMemory gradients and layer inputs kept in memory, at most, the gradients first; the others are spilled
     * @param spillFolder   an existing folder for the temporary file
     */
    public GradientPass(Decoder decoder, List<int[]> windows, Labels labels, long bytesInMemory, Path spillFolder) {
        this.decoder = decoder;
        this.windows = List.copyOf(windows);
        this.labels = labels;
        int layers = decoder.config().layers();
        int count = this.windows.size();
        int[] lengths = new int[(layers + 1) * count];
        Arrays.setAll(lengths, i -> this.windows.get(i % count).length);
        int hidden = decoder.config().hiddenSize();
        current = new Workspace(decoder.backend(), hidden);
        layerGradient = decoder.layerGradient();
        backwards = new LayerSequence(decoder);
        int[] once = Arrays.copyOf(lengths, count);
        gradients = new HiddenStates(decoder.backend(), once, hidden, bytesInMemory, spillFolder);
        try {
            long left = bytesInMemory - gradients.bytesInMemory();
            inputs = new HiddenStates(decoder.backend(), lengths, hidden, left, spillFolder);
        } catch (RuntimeException | Error failure) {
            gradients.close();
            throw failure;
        }
        nextLayer = -1;
    }

    private int input(int layer, int window) {
        return layer * windows.size() + window;
    }

    /**
     * Runs every window through all layers and the head, to the gradient at the last layer's output.
     *
     * @param progress counts windows of all layers and the head
     */
    public void forward(Progress progress) {
        int layers = decoder.config().layers();
        long total = (layers + 1L) * windows.size();
        for (int window = 0; window < windows.size(); window++) {
            decoder.embed(windows.get(window), inputs.create(input(0, window)));
            inputs.save(input(0, window));
        }
        int longest = windows.stream().mapToInt(ids -> ids.length).max().orElse(1);
        try (KvCache cache = KvCache.ofOneLayer(decoder.backend(), decoder.config(), longest);
                LayerSequence sequence = new LayerSequence(decoder)) {
            for (int index = 0; index < layers; index++) {
                DecoderLayer layer = sequence.enter(index);
                for (int window = 0; window < windows.size(); window++) {
                    Matrix hidden = copied(input(index, window), window);
                    layer.forward(hidden, cache, 0, SiteListener.NONE);
                    if (window == windows.size() - 1) {
                        sequence.expect(index + 1);
                    }
                    decoder.backend().copy(hidden, inputs.create(input(index + 1, window)));
                    inputs.save(input(index + 1, window));
                    progress.advance((long) index * windows.size() + window + 1, total);
                }
                sequence.leave();
            }
        }
        try (LanguageModelHead head = decoder.loadHead()) {
            for (int window = 0; window < windows.size(); window++) {
                int number = window;
                Matrix hidden = copied(input(layers, window), window);
                head.gradient(
                        hidden,
                        (first, logProbabilities, targets) -> labels.of(number, first, logProbabilities, targets),
                        gradients.create(window));
                gradients.save(window);
                progress.advance((long) layers * windows.size() + window + 1, total);
            }
        }
        nextLayer = layers - 1;
    }

    /** The stored states in a matrix of their own, since the staging memory serves one window at a time. */
    private Matrix copied(int state, int window) {
        Matrix copy = current.rows(windows.get(window).length);
        decoder.backend().copy(inputs.open(state), copy);
        return copy;
    }

    /** The layer that {@link #retreat} will run; -1 before {@link #forward} and when all are done. */
    public int nextLayer() {
        return nextLayer;
    }

    /**
     * Loads the next layer, runs every window back through it and frees it.
     *
     * @param progress counts windows of this layer
     */
    public void retreat(WindowListener listener, Progress progress) {
        DecoderLayer layer = backwards.enter(nextLayer);
        for (int window = 0; window < windows.size(); window++) {
            Matrix hidden = copied(input(nextLayer, window), window);
            layerGradient.backward(layer, hidden, gradients.open(window), listener.window(window));
            if (window == windows.size() - 1) {
                backwards.expect(nextLayer - 1);
            }
            gradients.save(window);
            progress.advance(window + 1L, windows.size());
        }
        backwards.leave();
        nextLayer--;
    }

    @Override
    public void close() {
        backwards.close();
        inputs.close();
        gradients.close();
        layerGradient.close();
        current.close();
    }
}
