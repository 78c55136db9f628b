package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;

/** Rows of one stored table, read through memory maps that are made once: looking up a row costs its bytes and no system call. */
final class StoredRows {
    private static final long MAP_BYTES = 1L << 30;

    private final StoredTensor tensor;
    private final int rowBytes;
    private final int rowsPerMap;
    private final ByteBuffer[] maps;

    StoredRows(Checkpoint checkpoint, StoredTensor tensor) {
        this.tensor = tensor;
        this.rowBytes = Math.multiplyExact(tensor.cols(), tensor.dtype().bytes());
        this.rowsPerMap = (int) Math.max(1, Math.min(tensor.rows(), MAP_BYTES / rowBytes));
        this.maps = new ByteBuffer[(tensor.rows() + rowsPerMap - 1) / rowsPerMap];
        for (int i = 0; i < maps.length; i++) {
            int first = i * rowsPerMap;
            maps[i] = checkpoint.map(tensor, first, Math.min(rowsPerMap, tensor.rows() - first));
        }
    }

    /** As {@link ModelWeights#gatherRows}. */
    void gather(int[] rows, Matrix out, Backend backend) {
        for (int i = 0; i < rows.length; i++) {
            ByteBuffer map = maps[rows[i] / rowsPerMap];
            ByteBuffer row =
                    map.slice((rows[i] % rowsPerMap) * rowBytes, rowBytes).order(map.order());
            requireFinite(row, rows[i]);
            backend.load(out.rows(i, 1), row, tensor.dtype());
        }
    }

    /** An exponent of all ones is NaN or infinity in every stored type. */
    private void requireFinite(ByteBuffer row, int index) {
        DType type = tensor.dtype();
        for (int at = 0; at < rowBytes; at += type.bytes()) {
            boolean finite =
                    switch (type) {
                        case BF16 -> (row.getShort(at) & 0x7F80) != 0x7F80;
                        case F16 -> (row.getShort(at) & 0x7C00) != 0x7C00;
                        case F32 -> Float.isFinite(row.getFloat(at));
                        case F64 -> Double.isFinite(row.getDouble(at));
                        default ->
                            throw new CospadiException(tensor.file() + ": tensor " + tensor.name() + " is " + type
                                    + ", expected F32, F16 or BF16");
                    };
            if (!finite) {
                throw new CospadiException(
                        tensor.file() + ": tensor " + tensor.name() + " holds NaN or infinity at row " + index
                                + ", column " + at / type.bytes() + "; download the model again");
            }
        }
    }
}
