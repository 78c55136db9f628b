package io.cospadi.quantization;

import java.nio.ByteBuffer;
import java.util.function.IntUnaryOperator;

/**
 * A row of equally wide patterns as one stream of bits, lowest bit of the lowest byte first, padded to a byte with zeros:
 * pattern i takes bits {@code bits · i .. bits · (i+1) - 1}, its own lowest bit first.
 */
final class BitRow {
    private BitRow() {}

    /** {@code ceil(bits · count / 8)}. */
    static int bytes(int count, int bits) {
        return (int) (((long) bits * count + 7) / 8);
    }

    /**
     * Writes a row.
     *
     * @param pattern of each position, within {@code 0 .. 2^bits - 1}; asked in order
     * @param bits    1 to 16
     * @param out     zeros from {@code at} on
     */
    static void pack(IntUnaryOperator pattern, int count, int bits, byte[] out, int at) {
        long pending = 0; // bits not yet stored, lowest first
        int waiting = 0;
        for (int i = 0; i < count; i++) {
            pending |= (long) pattern.applyAsInt(i) << waiting;
            for (waiting += bits; waiting >= 8; waiting -= 8) {
                out[at++] = (byte) pending;
                pending >>>= 8;
            }
        }
        if (waiting > 0) {
            out[at] = (byte) pending;
        }
    }

    /** Pattern i of the row that lies in bytes {@code begin .. end-1}; {@code row} is little-endian. */
    static int pattern(ByteBuffer row, int begin, int end, int i, int bits) {
        int bit = bits * i; // the pattern and the up to 7 bits before it lie within one word
        return (int) (word(row, begin + (bit >>> 3), end) >>> (bit & 7)) & (1 << bits) - 1;
    }

    /** Whether the bits after the last of {@code count} patterns are zeros, as they must be. */
    static boolean isPadded(ByteBuffer row, int end, int count, int bits) {
        int usedOfLast = bits * count & 7;
        return usedOfLast == 0 || (row.get(end - 1) & 0xFF) >>> usedOfLast == 0;
    }

    /** Eight bytes of a little-endian buffer, the ones from {@code end} on read as zeros. */
    static long word(ByteBuffer bytes, int at, int end) {
        if (at + 8 <= end) {
            return bytes.getLong(at);
        }
        long word = 0;
        for (int i = 0; at + i < end; i++) {
            word |= (bytes.get(at + i) & 0xFFL) << (8 * i);
        }
        return word;
    }
}
