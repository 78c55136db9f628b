package io.cospadi.quantization;

/**
 * Codes as they are stored; the layout is {@link CodePacking}'s.
 *
 * @param rows      output features d2
 * @param k         atoms
 * @param s         stored positions a row
 * @param precision its value bits and group size count
 * @param mask      {@code rows · maskRowBytes(k)} bytes; shared, not copied
 * @param values    {@code rows · valueRowBytes(s, valueBits)} bytes; shared, not copied
 * @param scales    bf16 patterns (rows, groups) of levels, else empty; shared, not copied
 */
public record PackedCodes(int rows, int k, int s, Precision precision, byte[] mask, byte[] values, short[] scales) {
    public PackedCodes {
        if (rows < 0 || s < 1 || s > k) {
            throw new IllegalArgumentException("need 1 <= s <= k, got s=" + s + ", k=" + k + ", rows=" + rows);
        }
        long maskBytes = (long) rows * CodePacking.maskRowBytes(k);
        long valueBytes = (long) rows * CodePacking.valueRowBytes(s, precision.valueBits());
        long groups = precision.valueLevels() ? (long) rows * precision.scales(s) : 0;
        if (mask.length != maskBytes || values.length != valueBytes || scales.length != groups) {
            throw new IllegalArgumentException("packed codes (" + rows + ", " + k + ") with s=" + s + " take "
                    + maskBytes + " + " + valueBytes + " bytes and " + groups + " scales, got " + mask.length + ", "
                    + values.length + " and " + scales.length);
        }
    }
}
