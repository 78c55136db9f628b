package io.cospadi.format;

import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.MalformedRowException;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;

/** The packed codes of one projection, where they are stored. */
final class StoredCodes {
    private final TensorSource source;
    private final CompactModule.Sparse module;
    private final Precision precision;
    private final StoredTensor mask;
    private final StoredTensor values;
    /** Null where values are no levels. */
    private final StoredTensor scales;

    StoredCodes(TensorSource source, String projection, CompactModule.Sparse module, Precision precision) {
        this.source = source;
        this.module = module;
        this.precision = precision;
        mask = source.tensor(CompactFormat.maskName(projection));
        values = source.tensor(CompactFormat.valuesName(projection));
        scales = precision.valueLevels() ? source.tensor(CompactFormat.codeScalesName(projection)) : null;
    }

    /** All rows. */
    Codes read() {
        return read(0, module.d2());
    }

    /**
     * Rows {@code firstRow .. firstRow+rows-1}.
     *
     * @throws CospadiException naming file, tensor and row where the bytes break the format
     */
    Codes read(int firstRow, int rows) {
        try {
            return CodePacking.unpack(
                    rows,
                    module.k(),
                    module.s(),
                    precision,
                    source.map(mask, firstRow, rows),
                    source.map(values, firstRow, rows),
                    scales(firstRow, rows));
        } catch (MalformedRowException e) {
            throw source.malformed(e, firstRow, mask, values, scales);
        }
    }

    /** The scales of all rows, bf16 patterns (d2, groups); empty where values are no levels. */
    short[] scales() {
        return scales(0, module.d2());
    }

    private short[] scales(int firstRow, int rows) {
        return scales == null
                ? new short[0]
                : LevelPacking.scales(rows, module.s(), precision.groupSize(), source.map(scales, firstRow, rows));
    }

    /** What to throw for a row of the mask that breaks a rule. */
    CospadiException malformed(int row, String defect) {
        return source.malformed(mask, row, defect);
    }
}
