package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas_full;

/** Moves values: between host arrays, stored bytes and native memory, and from matrix to matrix. */
final class Transfers {
    /** Elements that pass through scratch at a time: a few of these arrays fit the first-level cache. */
    static final int TILE = 4096;

    /** Elements of one task of a pass over memory. */
    static final int TASK = 1 << 16;

    private static final int TRANSPOSE_ROWS = 64;

    private final Workers workers;

    Transfers(Workers workers) {
        this.workers = workers;
    }

    static int tasks(long elements) {
        return Math.toIntExact((elements + TASK - 1) / TASK);
    }

    void write(NativeMatrix matrix, float[] values) {
        workers.run(tasks(values.length), (number, scratch) -> {
            int from = number * TASK;
            matrix.put(from, values, from, Math.min(TASK, values.length - from));
        });
    }

    void write(NativeMatrix matrix, double[] values) {
        workers.run(tasks(values.length), (number, scratch) -> {
            int from = number * TASK;
            matrix.put(from, values, from, Math.min(TASK, values.length - from));
        });
    }

    /** Some rows at a time, which a worker's arrays hold. */
    void write(NativeMatrix matrix, Codes codes) {
        int k = codes.k();
        int s = codes.s();
        workers.run(codes.rows(), (row, scratch) -> {
            float[] narrow = matrix.isF32() ? scratch.floats(0, k) : null;
            double[] wide = matrix.isF32() ? null : scratch.doubles(0, k);
            if (narrow != null) {
                Arrays.fill(narrow, 0, k, 0);
            } else {
                Arrays.fill(wide, 0, k, 0);
            }
            for (int p = row * s; p < (row + 1) * s; p++) {
                if (narrow != null) {
                    narrow[codes.atoms()[p]] = codes.values()[p];
                } else {
                    wide[codes.atoms()[p]] = codes.values()[p];
                }
            }
            if (narrow != null) {
                matrix.put((long) row * k, narrow, k);
            } else {
                matrix.put((long) row * k, wide, k);
            }
        });
    }

    float[] readFloats(NativeMatrix matrix) {
        float[] values = new float[Math.toIntExact(matrix.elements())];
        matrix.get(0, values, values.length);
        return values;
    }

    double[] readDoubles(NativeMatrix matrix) {
        double[] values = new double[Math.toIntExact(matrix.elements())];
        matrix.get(0, values, values.length);
        return values;
    }

    void load(NativeMatrix matrix, ByteBuffer stored, DType type) {
        ByteBuffer source = stored.slice().order(ByteOrder.LITTLE_ENDIAN);
        long elements = matrix.elements();
        workers.run(tasks(elements), (number, scratch) -> {
            int end = (int) Math.min((long) (number + 1) * TASK, elements);
            for (int from = number * TASK; from < end; from += TILE) {
                int count = Math.min(TILE, end - from);
                if (matrix.isF32()) {
                    matrix.put(from, decoded(source, type, from, count, scratch), count);
                } else {
                    matrix.put(from, decodedWide(source, type, from, count, scratch), count);
                }
            }
        });
    }

    private static float[] decoded(ByteBuffer source, DType type, int from, int count, Scratch scratch) {
        float[] values = scratch.floats(0, count);
        switch (type) {
            case F32 ->
                source.slice(from * 4, count * 4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer()
                        .get(values, 0, count);
            case F64 -> {
                double[] wide = scratch.doubles(0, count);
                source.slice(from * 8, count * 8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asDoubleBuffer()
                        .get(wide, 0, count);
                for (int i = 0; i < count; i++) {
                    values[i] = (float) wide[i];
                }
            }
            default -> {
                short[] halves = scratch.shorts(0, count);
                source.slice(from * 2, count * 2)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asShortBuffer()
                        .get(halves, 0, count);
                if (type == DType.BF16) {
                    for (int i = 0; i < count; i++) {
                        values[i] = Float.intBitsToFloat(halves[i] << 16);
                    }
                } else {
                    for (int i = 0; i < count; i++) {
                        values[i] = Float16.toFloat(halves[i]);
                    }
                }
            }
        }
        return values;
    }

    private static double[] decodedWide(ByteBuffer source, DType type, int from, int count, Scratch scratch) {
        double[] values = scratch.doubles(1, count);
        if (type == DType.F64) {
            source.slice(from * 8, count * 8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asDoubleBuffer()
                    .get(values, 0, count);
        } else {
            float[] narrow = decoded(source, type, from, count, scratch);
            for (int i = 0; i < count; i++) {
                values[i] = narrow[i];
            }
        }
        return values;
    }

    void copy(NativeMatrix from, NativeMatrix to) {
        long elements = from.elements();
        workers.run(tasks(elements), (number, scratch) -> {
            long end = Math.min((long) (number + 1) * TASK, elements);
            long start = (long) number * TASK;
            if (from.dtype() == to.dtype()) {
                copyBytes(
                        from.address(start),
                        to.address(start),
                        (end - start) * from.dtype().bytes());
                return;
            }
            for (long at = start; at < end; at += TILE) {
                convert(from, to, at, (int) Math.min(TILE, end - at), scratch);
            }
        });
    }

    private static void convert(NativeMatrix from, NativeMatrix to, long at, int count, Scratch scratch) {
        float[] narrow = scratch.floats(0, count);
        double[] wide = scratch.doubles(0, count);
        if (from.isF32()) {
            from.get(at, narrow, count);
            for (int i = 0; i < count; i++) {
                wide[i] = narrow[i];
            }
            to.put(at, wide, count);
        } else {
            from.get(at, wide, count);
            for (int i = 0; i < count; i++) {
                narrow[i] = (float) wide[i];
            }
            to.put(at, narrow, count);
        }
    }

    private static void copyBytes(long from, long to, long bytes) {
        if (bytes > 0) {
            Pointer.memmove(OpenBlas.memory(to, bytes), OpenBlas.memory(from, bytes), bytes);
        }
    }

    void gatherRows(NativeMatrix from, int[] indices, NativeMatrix to) {
        copyRows(from, indices, to, true);
    }

    void scatterRows(NativeMatrix from, int[] indices, NativeMatrix to) {
        copyRows(from, indices, to, false);
    }

    private void copyRows(NativeMatrix from, int[] indices, NativeMatrix to, boolean gather) {
        int cols = from.cols();
        long bytes = (long) cols * from.dtype().bytes();
        int rowsPerTask = Math.max(1, TASK / Math.max(1, cols));
        workers.run((indices.length + rowsPerTask - 1) / rowsPerTask, (number, scratch) -> {
            int end = Math.min((number + 1) * rowsPerTask, indices.length);
            for (int i = number * rowsPerTask; i < end; i++) {
                long source = (long) (gather ? indices[i] : i) * cols;
                long target = (long) (gather ? i : indices[i]) * cols;
                copyBytes(from.address(source), to.address(target), bytes);
            }
        });
    }

    void gatherColumn(NativeMatrix from, int column, int[] rows, NativeMatrix to) {
        for (int j = 0; j < rows.length; j++) {
            copyElement(from, (long) rows[j] * from.cols() + column, to, j);
        }
    }

    void scatterColumn(NativeMatrix from, int[] rows, NativeMatrix to, int column) {
        for (int j = 0; j < rows.length; j++) {
            copyElement(from, j, to, (long) rows[j] * to.cols() + column);
        }
    }

    private static void copyElement(NativeMatrix from, long index, NativeMatrix to, long target) {
        if (from.isF32()) {
            to.setFloat(target, from.getFloat(index));
        } else {
            to.setDouble(target, from.getDouble(index));
        }
    }

    void transpose(NativeMatrix from, NativeMatrix to) {
        int rows = from.rows();
        int cols = from.cols();
        if (rows == 0 || cols == 0) {
            return;
        }
        workers.run((rows + TRANSPOSE_ROWS - 1) / TRANSPOSE_ROWS, (number, scratch) -> {
            int first = number * TRANSPOSE_ROWS;
            int count = Math.min(TRANSPOSE_ROWS, rows - first);
            if (from.isF32()) {
                openblas_full.cblas_somatcopy(
                        ROW_MAJOR,
                        TRANSPOSE,
                        count,
                        cols,
                        1,
                        from.floats((long) first * cols),
                        cols,
                        to.floats(first),
                        rows);
            } else {
                openblas_full.cblas_domatcopy(
                        ROW_MAJOR,
                        TRANSPOSE,
                        count,
                        cols,
                        1,
                        from.doubles((long) first * cols),
                        cols,
                        to.doubles(first),
                        rows);
            }
        });
    }

    void fill(NativeMatrix matrix, double value) {
        long elements = matrix.elements();
        workers.run(tasks(elements), (number, scratch) -> {
            long end = Math.min((long) (number + 1) * TASK, elements);
            for (long at = (long) number * TASK; at < end; at += TILE) {
                int count = (int) Math.min(TILE, end - at);
                if (matrix.isF32()) {
                    float[] values = scratch.floats(0, count);
                    java.util.Arrays.fill(values, 0, count, (float) value);
                    matrix.put(at, values, count);
                } else {
                    double[] values = scratch.doubles(0, count);
                    java.util.Arrays.fill(values, 0, count, value);
                    matrix.put(at, values, count);
                }
            }
        });
    }
}
