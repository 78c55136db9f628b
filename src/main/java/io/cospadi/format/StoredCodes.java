package io.cospadi.format;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.MalformedCodesException;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;

/** The packed codes of one projection in a compact folder. */
final class StoredCodes {
    private final Checkpoint checkpoint;
    private final CompactModule.Sparse module;
    private final int valueBits;
    private final StoredTensor mask;
    private final StoredTensor values;

    StoredCodes(Checkpoint checkpoint, String projection, CompactModule.Sparse module, int valueBits) {
        this.checkpoint = checkpoint;
        this.module = module;
        this.valueBits = valueBits;
        this.mask = checkpoint.tensor(CompactFormat.maskName(projection));
        this.values = checkpoint.tensor(CompactFormat.valuesName(projection));
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
                    valueBits,
                    checkpoint.map(mask, firstRow, rows),
                    checkpoint.map(values, firstRow, rows));
        } catch (MalformedCodesException e) {
            throw malformed(e.inMask() ? mask : values, firstRow + e.row(), e.defect());
        }
    }

    /** What to throw for a row of the mask that breaks a rule. */
    CospadiException malformed(int row, String defect) {
        return malformed(mask, row, defect);
    }

    private static CospadiException malformed(StoredTensor tensor, int row, String defect) {
        return new CospadiException(tensor.file() + ": tensor " + tensor.name() + ": row " + row + " has " + defect
                + "; the compact folder is damaged: copy or compress it again");
    }
}
