package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SiteListener;
import io.cospadi.decoder.SitewisePass;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What the projections of a model get to read while it is compressed from its first layer on: at every input site the sums over
 * the calibration windows, with all projections before it as they are by then, and, if wanted, how far the dense model's inputs
 * are from those. In memory: one layer of each model, the hidden states of both up to the limit, one site's sums.
 *
 * <p>Used as {@link SitewisePass} says; sums are added in {@link Calibration}'s order, so where nothing was replaced before they
 * have its bits.
 */
public final class PropagatedInputs implements AutoCloseable {
    private static final String GRAM = "gram";
    private static final String SHIFT = "shift";

    private final ModelConfig config;
    private final Backend backend;
    private final TokenWindows windows;
    private final Decoder decoder;
    private SitewisePass pass;
    private final Decoder denseDecoder;
    /** Null where nobody asks for the dense model's inputs. */
    private SitewisePass dense;
    /** Whether it is through the half in hand already. */
    private boolean denseIsAhead;

    /**
     * Embeds all windows.
     *
     * @param weights     of the dense model; stay the caller's
     * @param besideDense whether the dense model's inputs are compared with
     */
    public PropagatedInputs(
            ModelWeights weights,
            TokenWindows windows,
            boolean besideDense,
            Backend backend,
            CalibrationSettings settings) {
        this.config = weights.config();
        this.backend = backend;
        this.windows = windows;
        long bytes = besideDense ? settings.activationBytes() / 2 : settings.activationBytes();
        decoder = new Decoder(weights, backend);
        denseDecoder = new Decoder(weights, backend);
        try {
            pass = new SitewisePass(decoder, windows.windows(), bytes, settings.spillFolder());
            dense = besideDense
                    ? new SitewisePass(denseDecoder, windows.windows(), bytes, settings.spillFolder())
                    : null;
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    /**
     * Sums over all tokens at one site; whoever has them closes them.
     *
     * @param gram  X~ᵀ X~ of the inputs X~ as they are now, (d1, d1) F64
     * @param shift X~ᵀ (X − X~), X the dense model's inputs, likewise; exactly 0 where nothing was replaced before
     */
    public record Sums(Matrix gram, Optional<Matrix> shift) implements AutoCloseable {
        @Override
        public void close() {
            gram.close();
            shift.ifPresent(Matrix::close);
        }
    }

    /** Loads the next layer. */
    public void enter() {
        pass.enter();
        if (dense != null) {
            dense.enter();
        }
    }

    /**
     * The sums at a site of the layer's half in hand; asked for once, in the order of sites.
     *
     * @param progress counts windows
     */
    public Sums sums(InputSite site, Progress progress) {
        int d1 = width(site);
        SortedMap<String, BlockSums.Shape> shapes = new TreeMap<>();
        shapes.put(GRAM, new BlockSums.Shape(d1, d1));
        if (dense != null) {
            shapes.put(SHIFT, new BlockSums.Shape(d1, d1));
        }
        try (BlockSums sums = new BlockSums(backend, 0, GramTree.BLOCKS, windows.found(), shapes);
                Difference difference = new Difference(dense == null ? 0 : d1)) {
            if (dense == null) {
                forEachChunk(site, (window, from, x) -> addGram(window, x, sums), progress);
            } else if (site == InputSite.ATTENTION_OUTPUT) {
                dense.attend(window -> beside(site, window, sums, difference), progress);
                denseIsAhead = true;
            } else if (site == InputSite.MLP_HIDDEN) {
                dense.feedForward(window -> beside(site, window, sums, difference), progress);
                denseIsAhead = true;
            } else {
                forEachChunk(
                        site,
                        (window, from, x) -> {
                            addGram(window, x, sums);
                            difference.add(x, dense.input(site, dense.open(window), from), sums.sum(SHIFT));
                        },
                        progress);
            }
            SortedMap<String, GramTree> trees = sums.finish();
            Optional<Matrix> shift = Optional.ofNullable(trees.get(SHIFT)).map(GramTree::take);
            return new Sums(trees.get(GRAM).take(), shift);
        }
    }

    @FunctionalInterface
    private interface Chunk {
        void add(int window, int from, Matrix x);
    }

    private void forEachChunk(InputSite site, Chunk chunk, Progress progress) {
        for (int window = 0; window < windows.found(); window++) {
            Matrix hidden = pass.open(window);
            for (int from = 0; from < hidden.rows(); from += Decoder.CHUNK_ROWS) {
                chunk.add(window, from, pass.input(site, hidden, from));
            }
            progress.advance(window + 1L, windows.found());
        }
    }

    private void addGram(int window, Matrix x, BlockSums sums) {
        sums.enter(window);
        backend.addGram(x, sums.sum(GRAM));
    }

    /** Adds the inputs of a window while the dense model computes its own. */
    private SiteListener beside(InputSite wanted, int window, BlockSums sums, Difference difference) {
        Matrix hidden = pass.open(window);
        int[] from = {0};
        return (site, other) -> {
            if (site == wanted) {
                Matrix x = pass.input(site, hidden, from[0]);
                addGram(window, x, sums);
                difference.add(x, other, sums.sum(SHIFT));
                from[0] += other.rows();
            }
        };
    }

    /**
     * Adds {@code xᵀ (other − x)}. Unlike a Gram this need not be better than f32 within a chunk: it is a small change, not what
     * the change is seen against.
     */
    private final class Difference implements AutoCloseable {
        private final Matrix lost;
        private final Matrix product;
        private final Matrix product64;

        Difference(int d1) {
            int rows = d1 == 0 ? 0 : Math.min(Decoder.CHUNK_ROWS, windows.length());
            lost = backend.allocate(rows, d1, DType.F32);
            product = backend.allocate(d1, d1, DType.F32);
            product64 = backend.allocate(d1, d1, DType.F64);
        }

        void add(Matrix x, Matrix other, Matrix sum) {
            Matrix rows = lost.rows(0, x.rows());
            backend.copy(other, rows);
            backend.axpy(-1, x, rows);
            backend.gemm(1, x, true, rows, false, 0, product);
            backend.copy(product, product64);
            backend.axpy(1, product64, sum);
        }

        @Override
        public void close() {
            lost.close();
            product.close();
            product64.close();
        }
    }

    private int width(InputSite site) {
        for (ProjectionType type : ProjectionType.values()) {
            if (type.site() == site) {
                return config.projection(pass.nextLayer(), type).d1();
            }
        }
        throw new IllegalArgumentException("no projection reads " + site);
    }

    /**
     * From now on the compressed model computes with {@code linear} in the projection's place.
     *
     * @param projection of the layer in hand
     * @param linear     owned from here on
     */
    public void replace(Projection projection, Linear linear) {
        pass.replace(projection.type(), linear);
    }

    /** Takes all windows behind the layer's attention. */
    public void attend(Progress progress) {
        pass.attend(window -> SiteListener.NONE, progress);
        if (dense != null && !denseIsAhead) {
            dense.attend(window -> SiteListener.NONE, Progress.NONE);
        }
        denseIsAhead = false;
    }

    /** Takes all windows to the layer's output, and frees it. */
    public void feedForward(Progress progress) {
        pass.feedForward(window -> SiteListener.NONE, progress);
        if (dense != null && !denseIsAhead) {
            dense.feedForward(window -> SiteListener.NONE, Progress.NONE);
        }
        denseIsAhead = false;
    }

    @Override
    public void close() {
        if (pass != null) {
            pass.close();
        }
        if (dense != null) {
            dense.close();
        }
        decoder.close();
        denseDecoder.close();
    }
}
