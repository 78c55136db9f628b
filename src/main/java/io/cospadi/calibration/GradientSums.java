package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.GradientListener;
import io.cospadi.tensor.DType;
import java.util.EnumMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Adds up what a {@link GradientStore} keeps of one layer's gradients, window after window. */
final class GradientSums implements GradientListener, AutoCloseable {
    private static final String COVARIANCE = ".covariance";
    private static final String WEIGHT = ".weight";

    private final Backend backend;
    private final ModelConfig config;
    private final int layer;
    private final GradientSettings settings;
    private final BlockSums sums;
    /** The window's inputs of the layer's projections, F64, until their gradients come. */
    private final Map<InputSite, Matrix> inputs = new EnumMap<>(InputSite.class);

    /** @param windows of the whole calibration */
    GradientSums(
            Backend backend, ModelConfig config, int layer, GramOrigin origin, GradientSettings settings, int windows) {
        this.backend = backend;
        this.config = config;
        this.layer = layer;
        this.settings = settings;
        sums = new BlockSums(backend, origin, windows, shapes(config, layer, settings));
    }

    /** What the sum of g gᵀ of a projection is stored as. */
    static String covarianceName(String projection) {
        return projection + COVARIANCE;
    }

    /** What the sum of g xᵀ of a projection is stored as. */
    static String weightName(String projection) {
        return projection + WEIGHT;
    }

    private static SortedMap<String, BlockSums.Shape> shapes(ModelConfig config, int layer, GradientSettings settings) {
        SortedMap<String, BlockSums.Shape> shapes = new TreeMap<>();
        for (ProjectionType type : ProjectionType.values()) {
            Projection p = config.projection(layer, type);
            shapes.put(p.name(), new BlockSums.Shape(1, p.d2()));
            if (settings.covariance() == OutputCovariance.FULL) {
                shapes.put(covarianceName(p.name()), new BlockSums.Shape(p.d2(), p.d2()));
            }
            if (settings.weights()) {
                shapes.put(weightName(p.name()), new BlockSums.Shape(p.d2(), p.d1()));
            }
        }
        return shapes;
    }

    /** Bytes of one layer's sums. */
    static long bytes(ModelConfig config, GradientSettings settings) {
        return shapes(config, 0, settings).values().stream()
                .mapToLong(BlockSums.Shape::bytes)
                .sum();
    }

    /** From now on it is window {@code window}, in the numbering of the whole calibration; ascending. */
    GradientListener enter(int window) {
        sums.enter(window);
        return this;
    }

    @Override
    public boolean wantsInputs() {
        return settings.weights();
    }

    @Override
    public void input(InputSite site, Matrix x) {
        Matrix kept = inputs.get(site);
        if (kept == null || kept.rows() != x.rows()) {
            if (kept != null) {
                kept.close();
            }
            kept = backend.allocate(x.rows(), x.cols(), DType.F64);
            inputs.put(site, kept);
        }
        backend.copy(x, kept);
    }

    @Override
    public void gradient(ProjectionType type, Matrix gradient) {
        String name = config.projection(layer, type).name();
        try (Matrix factors = backend.allocate(1, gradient.rows(), DType.F32)) {
            backend.rowDots(gradient, gradient, factors);
            backend.clippingFactors(factors, settings.clipping(), factors);
            backend.addSquares(gradient, factors, sums.sum(name));
            if (settings.covariance() == OutputCovariance.FULL) {
                try (Matrix shortened = backend.allocate(gradient.rows(), gradient.cols(), DType.F32)) {
                    backend.copy(gradient, shortened);
                    backend.scaleRows(shortened, factors);
                    backend.addGram(shortened, sums.sum(covarianceName(name)));
                }
            }
        }
        if (settings.weights()) {
            try (Matrix gradient64 = backend.allocate(gradient.rows(), gradient.cols(), DType.F64)) {
                backend.copy(gradient, gradient64);
                backend.gemm(1, gradient64, true, inputs.get(type.site()), false, 1, sums.sum(weightName(name)));
            }
        }
    }

    /** Ends the last block; the trees stay this object's. */
    SortedMap<String, GramTree> finish() {
        return sums.finish();
    }

    @Override
    public void close() {
        inputs.values().forEach(Matrix::close);
        sums.close();
    }
}
