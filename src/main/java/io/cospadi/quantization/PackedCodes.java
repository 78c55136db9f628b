package io.cospadi.quantization;

/**
 * Codes as they are stored; the layout is {@link CodePacking}'s.
 *
 * @param rows      output features d2
 * @param k         atoms
 * @param s         stored positions a row
 * @param valueBits 14 or 16
 * @param mask      {@code rows · maskRowBytes(k)} bytes; shared, not copied
 * @param values    {@code rows · valueRowBytes(s, valueBits)} bytes; shared, not copied
 */
public record PackedCodes(int rows, int k, int s, int valueBits, byte[] mask, byte[] values) {
    public PackedCodes {
        if (rows < 0 || s < 1 || s > k) {
            throw new IllegalArgumentException("need 1 <= s <= k, got s=" + s + ", k=" + k + ", rows=" + rows);
        }
        long maskBytes = (long) rows * CodePacking.maskRowBytes(k);
        long valueBytes = (long) rows * CodePacking.valueRowBytes(s, valueBits);
        if (mask.length != maskBytes || values.length != valueBytes) {
            throw new IllegalArgumentException("packed codes (" + rows + ", " + k + ") with s=" + s + " take "
                    + maskBytes + " + " + valueBytes + " bytes, got " + mask.length + " + " + values.length);
        }
    }
}
