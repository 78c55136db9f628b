package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.MalformedRowException;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A dictionary, or a whole weight, of levels, where it is stored. */
final class StoredLevels {
    private static final int CHUNK_BYTES = 16 << 20;

    private final TensorSource source;
    private final int rows;
    private final int cols;
    private final int bits;
    private final int groupSize;
    private final StoredTensor levels;
    private final StoredTensor scales;

    private StoredLevels(TensorSource source, String stem, int rows, int cols, int bits, int groupSize) {
        this.source = source;
        this.rows = rows;
        this.cols = cols;
        this.bits = bits;
        this.groupSize = groupSize;
        levels = source.tensor(stem + CompactFormat.LEVELS);
        scales = source.tensor(stem + CompactFormat.SCALES);
    }

    /** A projection's dictionary (k, d1); its own or its group's. */
    static StoredLevels dictionary(
            TensorSource source, String projection, CompactModule.Sparse module, Precision precision) {
        String stem = module.dictionaryStem(projection);
        return new StoredLevels(
                source, stem, module.k(), module.d1(), precision.dictionaryBits(), precision.groupSize());
    }

    /** A projection's weight (d2, d1). */
    static StoredLevels weight(
            TensorSource source, String projection, CompactModule.Rounded module, Precision precision) {
        String stem = CompactFormat.weightStem(projection);
        return new StoredLevels(source, stem, module.d2(), module.d1(), module.bits(), precision.groupSize());
    }

    /** All rows. */
    Levels read() {
        return read(0, rows);
    }

    /** All rows as a factor of products, of the bf16 numbers that the levels stand for; the caller closes it. */
    Matrix load(Backend backend) {
        Matrix matrix = backend.allocateWeight(rows, cols, DType.BF16);
        try {
            int chunk = Math.max(1, CHUNK_BYTES / (Short.BYTES * cols));
            for (int row = 0; row < rows; row += chunk) {
                int count = Math.min(chunk, rows - row);
                short[] values = read(row, count).values();
                ByteBuffer bytes =
                        ByteBuffer.allocateDirect(Short.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asShortBuffer().put(values);
                backend.load(matrix.rows(row, count), bytes, DType.BF16);
            }
            return matrix;
        } catch (RuntimeException | Error e) {
            matrix.close();
            throw e;
        }
    }

    /** Reads every row once, {@code chunk} at a time, for what {@link #read(int, int)} throws. */
    void check(int chunk) {
        for (int row = 0; row < rows; row += chunk) {
            read(row, Math.min(chunk, rows - row));
        }
    }

    /**
     * Rows {@code firstRow .. firstRow+count-1}.
     *
     * @throws CospadiException naming file, tensor and row where the bytes break the format
     */
    Levels read(int firstRow, int count) {
        try {
            return new Levels(
                    LevelPacking.unpack(
                            count,
                            cols,
                            bits,
                            groupSize,
                            source.map(levels, firstRow, count),
                            source.map(scales, firstRow, count)),
                    LevelPacking.scales(count, cols, groupSize, source.map(scales, firstRow, count)));
        } catch (MalformedRowException e) {
            throw source.malformed(e, firstRow, levels, levels, scales);
        }
    }
}
