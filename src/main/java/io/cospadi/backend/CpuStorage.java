package io.cospadi.backend;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.javacpp.Pointer;

/** Moves values between host arrays, stored elements and native matrices, a block of rows at a time. */
final class CpuStorage {
    /** Least elements worth a second worker. */
    private static final int GRAIN_ELEMENTS = 1 << 15;

    private final Workers workers;

    CpuStorage(Workers workers) {
        this.workers = workers;
    }

    private void eachRow(CpuMatrix matrix, Workers.Part part) {
        workers.run(matrix.rows(), Math.max(1, GRAIN_ELEMENTS / Math.max(1, matrix.cols())), part);
    }

    void write(CpuMatrix matrix, float[] values) {
        int cols = matrix.cols();
        eachRow(matrix, (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                matrix.floatRows(i, 1).put(0, values, i * cols, cols);
            }
        });
    }

    void write(CpuMatrix matrix, double[] values) {
        int cols = matrix.cols();
        eachRow(matrix, (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                matrix.doubleRows(i, 1).put(0, values, i * cols, cols);
            }
        });
    }

    float[] readFloats(CpuMatrix matrix) {
        int cols = matrix.cols();
        float[] values = new float[Math.toIntExact(matrix.size())];
        eachRow(matrix, (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                matrix.floatRows(i, 1).get(0, values, i * cols, cols);
            }
        });
        return values;
    }

    double[] readDoubles(CpuMatrix matrix) {
        int cols = matrix.cols();
        double[] values = new double[Math.toIntExact(matrix.size())];
        eachRow(matrix, (from, to, worker) -> {
            for (int i = from; i < to; i++) {
                matrix.doubleRows(i, 1).get(0, values, i * cols, cols);
            }
        });
        return values;
    }

    void load(CpuMatrix matrix, ByteBuffer stored, DType type) {
        int cols = matrix.cols();
        int rowBytes = cols * type.bytes();
        int start = stored.position();
        eachRow(matrix, (from, to, worker) -> {
            float[] row = new float[cols];
            double[] wide = new double[cols];
            short[] half = new short[cols];
            for (int i = from; i < to; i++) {
                ByteBuffer bytes = stored.slice(start + i * rowBytes, rowBytes).order(ByteOrder.LITTLE_ENDIAN);
                switch (type) {
                    case F64 -> {
                        bytes.asDoubleBuffer().get(wide);
                        for (int j = 0; j < cols; j++) {
                            row[j] = (float) wide[j];
                        }
                    }
                    case F32 -> bytes.asFloatBuffer().get(row);
                    case BF16 -> {
                        ShortBuffer shorts = bytes.asShortBuffer();
                        shorts.get(half);
                        for (int j = 0; j < cols; j++) {
                            row[j] = Bfloat16.toFloat(half[j]);
                        }
                    }
                    case F16 -> {
                        bytes.asShortBuffer().get(half);
                        for (int j = 0; j < cols; j++) {
                            row[j] = Float16.toFloat(half[j]);
                        }
                    }
                    default -> throw new IllegalArgumentException(type + " is no float type");
                }
                if (matrix.dtype() == DType.F32) {
                    matrix.floatRows(i, 1).put(0, row);
                } else {
                    if (type != DType.F64) {
                        for (int j = 0; j < cols; j++) {
                            wide[j] = row[j];
                        }
                    }
                    matrix.doubleRows(i, 1).put(0, wide);
                }
            }
        });
    }

    void copy(CpuMatrix from, CpuMatrix to) {
        int cols = from.cols();
        if (from.dtype() == to.dtype()) {
            eachRow(from, (first, end, worker) -> copyBytes(from, first, to, first, end - first));
            return;
        }
        eachRow(from, (first, end, worker) -> {
            float[] narrow = new float[cols];
            double[] wide = new double[cols];
            for (int i = first; i < end; i++) {
                if (from.dtype() == DType.F32) {
                    from.floatRows(i, 1).get(0, narrow);
                    for (int j = 0; j < cols; j++) {
                        wide[j] = narrow[j];
                    }
                    to.doubleRows(i, 1).put(0, wide);
                } else {
                    from.doubleRows(i, 1).get(0, wide);
                    for (int j = 0; j < cols; j++) {
                        narrow[j] = (float) wide[j];
                    }
                    to.floatRows(i, 1).put(0, narrow);
                }
            }
        });
    }

    void gatherRows(CpuMatrix from, int[] indices, CpuMatrix to) {
        eachRow(to, (first, end, worker) -> {
            for (int i = first; i < end; i++) {
                copyBytes(from, indices[i], to, i, 1);
            }
        });
    }

    void scatterRows(CpuMatrix from, int[] indices, CpuMatrix to) {
        eachRow(from, (first, end, worker) -> {
            for (int i = first; i < end; i++) {
                copyBytes(from, i, to, indices[i], 1);
            }
        });
    }

    private static void copyBytes(CpuMatrix from, int fromRow, CpuMatrix to, int toRow, int rows) {
        long bytes = (long) rows * from.cols() * from.dtype().bytes();
        if (bytes > 0) {
            Pointer.memcpy(
                    to.bytePointer((long) toRow * to.cols()), from.bytePointer((long) fromRow * from.cols()), bytes);
        }
    }

    void transpose(CpuMatrix from, CpuMatrix to) {
        int rows = from.rows();
        int cols = from.cols();
        boolean single = from.dtype() == DType.F32;
        // a tile of 32 x 32 keeps both the reads and the writes within a few cache lines a row
        int tile = 32;
        workers.run((cols + tile - 1) / tile, 1, (first, end, worker) -> {
            int width = Math.min(cols, end * tile) - first * tile;
            float[] in = new float[single ? width * tile : 0];
            float[] out = new float[single ? tile : 0];
            double[] wideIn = new double[single ? 0 : width * tile];
            double[] wideOut = new double[single ? 0 : tile];
            for (int row = 0; row < rows; row += tile) {
                int count = Math.min(tile, rows - row);
                for (int i = 0; i < count; i++) {
                    if (single) {
                        FloatBuffer source = from.floatRows(row + i, 1);
                        source.get(first * tile, in, i * width, width);
                    } else {
                        DoubleBuffer source = from.doubleRows(row + i, 1);
                        source.get(first * tile, wideIn, i * width, width);
                    }
                }
                for (int j = 0; j < width; j++) {
                    if (single) {
                        for (int i = 0; i < count; i++) {
                            out[i] = in[i * width + j];
                        }
                        to.floatRows(first * tile + j, 1).put(row, out, 0, count);
                    } else {
                        for (int i = 0; i < count; i++) {
                            wideOut[i] = wideIn[i * width + j];
                        }
                        to.doubleRows(first * tile + j, 1).put(row, wideOut, 0, count);
                    }
                }
            }
        });
    }

    void fill(CpuMatrix matrix, double value) {
        eachRow(matrix, (from, to, worker) -> {
            if (matrix.dtype() == DType.F32) {
                float[] row = new float[matrix.cols()];
                java.util.Arrays.fill(row, (float) value);
                for (int i = from; i < to; i++) {
                    matrix.floatRows(i, 1).put(0, row);
                }
            } else {
                double[] row = new double[matrix.cols()];
                java.util.Arrays.fill(row, value);
                for (int i = from; i < to; i++) {
                    matrix.doubleRows(i, 1).put(0, row);
                }
            }
        });
    }

    void gatherColumn(CpuMatrix from, int column, int[] rows, CpuMatrix to) {
        for (int j = 0; j < rows.length; j++) {
            copyElement(from, (long) rows[j] * from.cols() + column, to, j);
        }
    }

    void scatterColumn(CpuMatrix from, int[] rows, CpuMatrix to, int column) {
        for (int j = 0; j < rows.length; j++) {
            copyElement(from, j, to, (long) rows[j] * to.cols() + column);
        }
    }

    private static void copyElement(CpuMatrix from, long index, CpuMatrix to, long target) {
        if (from.dtype() == DType.F32) {
            to.floats(target).put(from.floats(index).get());
        } else {
            to.doubles(target).put(from.doubles(index).get());
        }
    }
}
