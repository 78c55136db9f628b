package io.cospadi.format;

import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.MalformedRowException;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;

/** A dictionary of levels, where it is stored. */
final class StoredDictionary {
    private final TensorSource source;
    private final int d1;
    private final Precision precision;
    private final StoredTensor levels;
    private final StoredTensor scales;

    /** @param stem what its tensors' names begin with */
    StoredDictionary(TensorSource source, String stem, int d1, Precision precision) {
        this.source = source;
        this.d1 = d1;
        this.precision = precision;
        levels = source.tensor(stem + CompactFormat.LEVELS);
        scales = source.tensor(stem + CompactFormat.SCALES);
    }

    /**
     * Atoms {@code firstRow .. firstRow+rows-1}.
     *
     * @throws CospadiException naming file, tensor and row where the bytes break the format
     */
    Levels read(int firstRow, int rows) {
        try {
            return new Levels(
                    LevelPacking.unpack(
                            rows,
                            d1,
                            precision.dictionaryBits(),
                            precision.groupSize(),
                            source.map(levels, firstRow, rows),
                            source.map(scales, firstRow, rows)),
                    LevelPacking.scales(rows, d1, precision.groupSize(), source.map(scales, firstRow, rows)));
        } catch (MalformedRowException e) {
            throw source.malformed(e, firstRow, levels, levels, scales);
        }
    }
}
