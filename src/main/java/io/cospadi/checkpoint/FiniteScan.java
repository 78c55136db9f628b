package io.cospadi.checkpoint;

import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;

/**
 * Looks for NaN and infinities in stored floats without converting them. In every IEEE format they are the values whose
 * exponent bits are all set, so in a 64-bit word of several lanes, {@code (word & exponent) + lowest exponent bit}
 * reaches a lane's sign bit exactly where the lane is not finite, and never carries into the next lane.
 */
final class FiniteScan {
    private FiniteScan() {}

    /**
     * Index, in elements from {@code buffer.position()}, of the first NaN or infinity up to the limit; -1 if there is none
     * or the type has none.
     *
     * @param buffer little-endian, whole elements; not modified
     */
    static long firstNonFinite(ByteBuffer buffer, DType dtype) {
        if (!dtype.isFloat()) {
            return -1;
        }
        int bytes = dtype.bytes();
        long everyLane = bytes == 8 ? 1 : bytes == 4 ? 0x0000_0001_0000_0001L : 0x0001_0001_0001_0001L;
        long exponent = laneExponent(dtype) * everyLane;
        long lowest = Long.lowestOneBit(laneExponent(dtype)) * everyLane;
        long sign = (1L << (8 * bytes - 1)) * everyLane;
        int begin = buffer.position();
        int end = buffer.limit();
        int at = begin;
        for (; at <= end - 8; at += 8) {
            long hit = ((buffer.getLong(at) & exponent) + lowest) & sign;
            if (hit != 0) {
                return (at - begin + Long.numberOfTrailingZeros(hit) / 8) / bytes;
            }
        }
        long word = 0; // lanes beyond the end read as zeros, which are finite
        for (int i = 0; at + i < end; i++) {
            word |= (buffer.get(at + i) & 0xFFL) << (8 * i);
        }
        long hit = ((word & exponent) + lowest) & sign;
        return hit == 0 ? -1 : (at - begin + Long.numberOfTrailingZeros(hit) / 8) / bytes;
    }

    private static long laneExponent(DType dtype) {
        return switch (dtype) {
            case F64 -> 0x7FF0_0000_0000_0000L;
            case F32 -> 0x7F80_0000L;
            case F16 -> 0x7C00L;
            case BF16 -> 0x7F80L;
            default -> throw new IllegalArgumentException(dtype + " has no exponent");
        };
    }
}
