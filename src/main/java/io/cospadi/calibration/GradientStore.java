package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * What a calibration's gradients say of every projection's output, in the folder of a {@link GramStore}: {@code gradients.json},
 * the {@link GramOrigin} of the windows they were taken on and the {@link GradientSettings}, and one {@link GramFile} a layer,
 * {@code gradients-00000.safetensors} on. With g the gradient of a window's summed negative log-likelihood at a projection's
 * output for one token, shortened to the settings' norm where it is longer, the file holds as {@code model.layers.N.<projection>}
 * the sums of g² over tokens, (1, d2). Where the settings ask for them, {@code <projection>.covariance} (d2, d2) holds the sums
 * of g gᵀ, whose diagonal these are, and {@code <projection>.weight} (d2, d1) those of g xᵀ, x the projection's input and g at its
 * full length: the gradient of the weight.
 *
 * <p>Sums are kept as they are: whoever uses them shrinks them.
 */
public final class GradientStore {
    private final StoredSums sums;
    private final GradientSettings settings;

    private GradientStore(StoredSums sums) {
        this.sums = sums;
        this.settings = sums.settings(GradientSettings.class);
    }

    /**
     * Begins a store, or continues the one that is there: its finished layers are kept.
     *
     * @param folder of the Gram store, which need not be there yet
     * @throws CospadiException if the folder holds gradients of something else (saying what differs), or can't be
     *     written
     */
    public static GradientStore create(Path folder, GramOrigin origin, GradientSettings settings) {
        return create(folder, origin, settings, false);
    }

    /** The same where copies of one task may fill the store at the same time, if {@code shared}. */
    public static GradientStore create(Path folder, GramOrigin origin, GradientSettings settings, boolean shared) {
        return new GradientStore(
                StoredSums.create(StoredSums.Kind.GRADIENTS, folder, origin, Optional.of(settings), shared));
    }

    static GradientStore open(Path folder) {
        return new GradientStore(StoredSums.open(StoredSums.Kind.GRADIENTS, folder));
    }

    /** What the gradients are of. */
    public GramOrigin origin() {
        return sums.origin();
    }

    public GradientSettings settings() {
        return settings;
    }

    /** Tokens that every sum is over. */
    public long tokens() {
        return origin().tokens();
    }

    /** Layers whose file is there. */
    public int finishedLayers() {
        return sums.finishedLayers();
    }

    /**
     * Refuses to use the store for this model unless it is finished and of this model.
     *
     * @param modelFingerprint {@link ModelFingerprint}
     * @throws CospadiException naming what is missing or differs
     */
    public void requireUsable(String modelFingerprint) {
        sums.requireUsable(modelFingerprint);
    }

    StoredSums sums() {
        return sums;
    }

    /**
     * H: the mean over tokens of g gᵀ, (d2, d2) F64, from a whole store; the caller closes it.
     *
     * @param projectionName {@link Projection#name()}
     * @throws CospadiException if the store keeps its diagonal alone, or it is damaged
     */
    public Matrix outputCovariance(String projectionName, Backend backend) {
        require(
                settings.covariance() == OutputCovariance.FULL,
                "the diagonal of the gradients' covariance alone; calibrate with --output-covariance full");
        return mean(GradientSums.covarianceName(projectionName), projectionName, backend);
    }

    /** Where the sums that it is the mean of are stored. */
    public StoredTensor storedCovariance(String projectionName) {
        return sums.stored(GramStore.layerOf(projectionName), GradientSums.covarianceName(projectionName));
    }

    /**
     * The gradient of a weight: the mean over tokens of g xᵀ, (d2, d1) F64, from a whole store; the caller closes it.
     *
     * @param projectionName {@link Projection#name()}
     * @throws CospadiException if the store keeps none, or it is damaged
     */
    public Matrix weightGradient(String projectionName, Backend backend) {
        require(settings.weights(), "no gradients of weights; calibrate with --weight-gradients");
        return mean(GradientSums.weightName(projectionName), projectionName, backend);
    }

    /** Where the sum that it is the mean of is stored. */
    public StoredTensor storedWeightGradient(String projectionName) {
        return sums.stored(GramStore.layerOf(projectionName), GradientSums.weightName(projectionName));
    }

    private void require(boolean kept, String instead) {
        if (!kept) {
            throw new CospadiException(sums.description() + ": the store keeps " + instead);
        }
    }

    private Matrix mean(String name, String projectionName, Backend backend) {
        Matrix mean = sums.load(GramStore.layerOf(projectionName), name, backend);
        backend.scale(1.0 / tokens(), mean);
        return mean;
    }

    /**
     * The diagonal of H: the mean over tokens of g², (d2), from a whole store.
     *
     * @param projectionName {@link Projection#name()}
     * @throws CospadiException if it is missing or damaged, naming the file
     */
    public double[] outputWeights(String projectionName) {
        try (GramFile file = sums.openLayer(GramStore.layerOf(projectionName))) {
            return Arrays.stream(file.row(projectionName))
                    .map(sum -> sum / tokens())
                    .toArray();
        }
    }
}
