package io.cospadi.gpu;

import java.util.stream.Stream;

/**
 * All of {@link SlottedCodes} but their contents: what a launch needs once words and starts lie on a device, so that nobody has to
 * keep a second copy of them on the host.
 *
 * @param rows    output features
 * @param k       atoms
 * @param pattern how slots say which atom they belong to
 * @param units   of 16 bytes in a row
 * @param reach   all slots stand on places below this one, which is k or more
 */
public record SlottedShape(int rows, int k, SlottedCodes.Pattern pattern, int units, int reach) {
    /** Of {@link SlottedCodes#TILE_ROWS} rows, the last one filled up. */
    int tiles() {
        return (rows + SlottedCodes.TILE_ROWS - 1) / SlottedCodes.TILE_ROWS;
    }

    /** Whether slots stand on fixed places, so that there are no starts. */
    boolean grouped() {
        return pattern == SlottedCodes.Pattern.EIGHT_OF_SIXTEEN || pattern == SlottedCodes.Pattern.TWO_OF_FOUR;
    }

    /** Ends the name of a kernel that reads the pattern. */
    String suffix() {
        return switch (pattern) {
            case GAPS -> "gaps";
            case WIDE -> "wide";
            case EIGHT_OF_SIXTEEN -> "8_16";
            case TWO_OF_FOUR -> "2_4";
        };
    }

    /** Arguments of such a kernel: words, starts unless the pattern has none, and the rest. */
    Object[] arguments(long words, long starts, Object... rest) {
        Stream<Object> places = grouped() ? Stream.of(words) : Stream.of(words, starts);
        return Stream.concat(places, Stream.of(rest)).toArray();
    }

    /** Of the words, a multiple of 16. */
    public long wordBytes() {
        return (long) SlottedCodes.UNIT_BYTES * SlottedCodes.TILE_ROWS * tiles() * units;
    }
}
