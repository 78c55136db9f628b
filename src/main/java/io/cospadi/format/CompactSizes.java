package io.cospadi.format;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StoredTensor;

/**
 * What a compact folder weighs, to the byte, and the two ratios that follow; see {@link CompactFormat} for their meaning.
 *
 * @param projectionBytes     stored bytes of everything that stands for targeted projections
 * @param projectionBaseBytes 2 · Σ d1 · d2 of these
 * @param fileBytes           length of all safetensors files, headers included
 * @param baseFileBytes       the same of the base model, with every float tensor at 16 bits
 */
public record CompactSizes(long projectionBytes, long projectionBaseBytes, long fileBytes, long baseFileBytes) {
    /** Share saved of the targeted projections; 0 where none is targeted. */
    public double ratioProjections() {
        return projectionBaseBytes == 0 ? 0 : saved(projectionBytes, projectionBaseBytes);
    }

    /** Share saved of the files. */
    public double ratioFile() {
        return saved(fileBytes, baseFileBytes);
    }

    /** Bytes of a dense model's safetensors files, as if every float tensor took 16 bits an element. */
    public static long baseFileBytes(Checkpoint base) {
        long bytes = base.files().stream().mapToLong(SafetensorsFile::fileBytes).sum();
        for (StoredTensor tensor : base.tensors().values()) {
            if (tensor.dtype().isFloat()) {
                bytes += 2 * tensor.elements() - tensor.bytes();
            }
        }
        return bytes;
    }

    /** One rounding only: a ratio that is met exactly reads as what was asked for. */
    private static double saved(long bytes, long baseBytes) {
        return (baseBytes - bytes) / (double) baseBytes;
    }
}
