package io.cospadi.checkpoint;

/**
 * Rotary position embedding of a checkpoint: pair j of a head of h dimensions turns by {@code position · f_j} with
 * {@code f_j = theta^(-2j/h)}, then scaled as the checkpoint says.
 *
 * @param theta        base, positive
 * @param linearFactor all frequencies are divided by it; 1 where nothing is scaled
 * @param llama3       Llama 3's wavelength-dependent scaling, or null
 */
public record RotaryEmbedding(double theta, double linearFactor, Llama3Scaling llama3) {
    public RotaryEmbedding {
        if (!(theta > 0) || !(linearFactor > 0) || Double.isInfinite(theta) || Double.isInfinite(linearFactor)) {
            throw new IllegalArgumentException(
                    "rotary embedding needs positive theta and factor, got " + theta + " and " + linearFactor);
        }
    }

    /**
     * Llama 3.1's scaling: wavelengths beyond {@code originalMaxPositions / lowFrequencyFactor} are stretched by
     * {@code factor}, those below {@code originalMaxPositions / highFrequencyFactor} stay, between them it interpolates.
     */
    public record Llama3Scaling(
            double factor, double lowFrequencyFactor, double highFrequencyFactor, double originalMaxPositions) {
        public Llama3Scaling {
            if (!(factor > 0 && lowFrequencyFactor > 0 && highFrequencyFactor > lowFrequencyFactor)
                    || !(originalMaxPositions > 0)) {
                throw new IllegalArgumentException("llama3 rope scaling needs factor > 0,"
                        + " 0 < low_freq_factor < high_freq_factor and original_max_position_embeddings > 0, got "
                        + factor + ", " + lowFrequencyFactor + ", " + highFrequencyFactor + ", "
                        + originalMaxPositions);
            }
        }

        double scale(double frequency) {
            double wavelength = 2 * Math.PI / frequency;
            if (wavelength > originalMaxPositions / lowFrequencyFactor) {
                return frequency / factor;
            }
            if (wavelength < originalMaxPositions / highFrequencyFactor) {
                return frequency;
            }
            double smooth = (originalMaxPositions / wavelength - lowFrequencyFactor)
                    / (highFrequencyFactor - lowFrequencyFactor);
            return (1 - smooth) * frequency / factor + smooth * frequency;
        }
    }

    /**
     * The angle a position adds to each pair: element j is {@code theta^(-2j/headDim)}, scaled; {@code headDim / 2} of
     * them, in radians, computed in f64.
     *
     * @param headDim even
     */
    public double[] frequencies(int headDim) {
        double[] frequencies = new double[headDim / 2];
        for (int j = 0; j < frequencies.length; j++) {
            double frequency = Math.pow(theta, -2.0 * j / headDim) / linearFactor;
            frequencies[j] = llama3 == null ? frequency : llama3.scale(frequency);
        }
        return frequencies;
    }
}
