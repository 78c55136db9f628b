package io.cospadi.gpu;

import io.cospadi.tensor.Codes;
import java.util.stream.IntStream;

/**
 * Codes as {@code packed_gemv.cu} reads them: 16-bit slots of a 14-bit value and 2 bits that say which atom it belongs to, laid
 * out so that a warp reads 512 neighbouring bytes. This page is the layout's specification.
 *
 * <p><b>Order.</b> A unit is 16 bytes of one row, 4 words of 32 bits, the low ones first. Unit u of row i is the one with number
 * {@code (i / 32 · units + u) · 32 + i % 32}: a tile of 32 rows is 32 streams, one a lane, that are read in step. Rows that fill
 * the last tile up hold zeros. A row is {@value #PARTS} parts: part p begins with unit {@code p · units / PARTS}, rounded down.
 *
 * <p><b>Words.</b> Except in {@link Pattern#WIDE}, a word is two slots. Bits 0 to 13 are the first one's value, as the top 14
 * bits of its f32 pattern, bits 14 and 15 its place, bits 16 and 17 the second one's place, bits 18 to 31 its value. So a shift
 * or a mask makes an f32 of either. What a place means is the pattern's:
 * <ul>
 *   <li>{@link Pattern#GAPS}, for any mask: how many atoms lie between this slot's atom and that of the slot before, 0 to 3. A
 *       slot of value 0 and place 3 goes before one that is 4 atoms or more further, as often as it takes. At the end of a row
 *       value and place are 0; such slots stand on one atom after another, up to {@link #reach}. {@link #starts} holds, at
 *       {@code (tile · PARTS + p) · 32 + lane}, the atom after that of the slot before the part.
 *   <li>{@link Pattern#EIGHT_OF_SIXTEEN}: the 8 places of unit u, lowest first, are the mask of the atoms {@code 16 u} to
 *       {@code 16 u + 15} of the row, of which 8 are stored. Units past k have 8 bits as well.
 *   <li>{@link Pattern#TWO_OF_FOUR}: which of its 4 atoms a slot stands on; 2 slots have value 0 at a row's end.
 *   <li>{@link Pattern#WIDE}, for values of more than 14 bits: a word is one slot, with the top 16 bits of the value's f32
 *       pattern above the gap as in GAPS, here of 16 bits.
 * </ul>
 *
 * <p>At s = k / 2 a row takes 16 bits a nonzero, as many as 14-bit values and a mask on disk, and in GAPS 1/16 more for long gaps
 * where the mask is random, and in all of them what fills the rows up to the longest one.
 *
 * <p><b>Example</b>, k = 40, s = 3, GAPS; atoms 1, 4 and 13 with 1.0, -2.0 and 0.5, whose 14 bits are 0FE0, 3000 and 0FC0.
 * Gaps 1, 2 and 8: the last one makes two slots of value 0 and place 3. The unit is {@code C0024FE0 0003C000 00000FC0 00000000}.
 */
public final class SlottedCodes {
    /** Which supports a layout can hold, and how; {@link SlottedCodes} says more. */
    public enum Pattern {
        GAPS,
        EIGHT_OF_SIXTEEN,
        TWO_OF_FOUR,
        WIDE
    }

    /** Rows that a warp reads in step, one a lane. */
    public static final int TILE_ROWS = 32;

    /** Of a row, each with a place of its own to begin, so that they are worked on side by side. */
    public static final int PARTS = 16;

    public static final int UNIT_BYTES = 16;

    private static final int UNIT_WORDS = 4;
    private static final int UNIT_SLOTS = 8;
    private static final int ATOMS_PER_UNIT = 16;
    private static final int FARTHEST = 3;
    private static final int BELOW_14_BITS = (1 << 18) - 1;
    private static final int BELOW_16_BITS = (1 << 16) - 1;

    private final int rows;
    private final int k;
    private final Pattern pattern;
    private final int units;
    private final int reach;
    private final int[] words;
    private final short[] starts;

    /**
     * Packs codes, exactly, in the narrowest pattern that holds them.
     *
     * @throws IllegalArgumentException if a value has more than the top 16 bits of its f32 pattern, or k is beyond 2^16
     */
    public SlottedCodes(Codes codes) {
        rows = codes.rows();
        k = codes.k();
        pattern = patternOf(codes);
        units = (mostSlots(codes) + slotsPerUnit() - 1) / slotsPerUnit();
        words = new int[Math.multiplyExact(Math.multiplyExact(tiles() * units, TILE_ROWS), UNIT_WORDS)];
        starts = new short[grouped() ? 0 : tiles() * PARTS * TILE_ROWS];
        int end = IntStream.range(0, tiles() * TILE_ROWS)
                .parallel()
                .map(row -> new RowWriter(row).write(codes))
                .max()
                .orElse(0);
        reach = grouped() ? units * ATOMS_PER_UNIT : Math.max(k, end);
        if (reach > 1 << 16) {
            throw new IllegalArgumentException(
                    "codes over " + k + " atoms reach place " + reach + ", beyond " + (1 << 16));
        }
    }

    private static Pattern patternOf(Codes codes) {
        if (!fits(codes, BELOW_16_BITS)) {
            throw new IllegalArgumentException(
                    "a code is not representable in 16 bits; round codes before packing them");
        }
        if (!fits(codes, BELOW_14_BITS)) {
            return Pattern.WIDE;
        }
        return holds(codes, 2, 4) ? Pattern.TWO_OF_FOUR : holds(codes, 8, 16) ? Pattern.EIGHT_OF_SIXTEEN : Pattern.GAPS;
    }

    private static boolean fits(Codes codes, int below) {
        for (float value : codes.values()) {
            if ((Float.floatToRawIntBits(value) & below) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Whether of every {@code group} neighbouring atoms exactly {@code stored} are, in every row. */
    private static boolean holds(Codes codes, int stored, int group) {
        int s = codes.s();
        if (codes.k() % group != 0 || (long) s * group != (long) codes.k() * stored) {
            return false;
        }
        for (int p = 0; p < codes.atoms().length; p++) {
            if (codes.atoms()[p] / group != p % s / stored) {
                return false;
            }
        }
        return true;
    }

    private int mostSlots(Codes codes) {
        int s = codes.s();
        if (pattern != Pattern.GAPS) {
            return s;
        }
        int most = 0;
        for (int i = 0; i < rows; i++) {
            int slots = s;
            int next = 0;
            for (int p = i * s; p < i * s + s; p++) {
                slots += (codes.atoms()[p] - next) / (FARTHEST + 1);
                next = codes.atoms()[p] + 1;
            }
            most = Math.max(most, slots);
        }
        return most;
    }

    /** Writes one row, slot by slot. */
    private final class RowWriter {
        private final int row;
        private int slot;
        private int word;
        private int atom;
        private int mask;
        private int part;

        private RowWriter(int row) {
            this.row = row;
        }

        /** The row of the codes, or zeros past them; the place after the last slot's. */
        private int write(Codes codes) {
            int s = codes.s();
            for (int p = row * s; row < rows && p < row * s + s; p++) {
                int value = Float.floatToRawIntBits(codes.values()[p]);
                int target = codes.atoms()[p];
                switch (pattern) {
                    case GAPS -> {
                        while (target - atom > FARTHEST) {
                            narrow(0, FARTHEST);
                        }
                        narrow(value, target - atom);
                    }
                    case EIGHT_OF_SIXTEEN -> {
                        mask = slot % UNIT_SLOTS == 0 ? maskOfUnit(codes.atoms(), p) : mask >>> 2;
                        narrow(value, mask & 3);
                    }
                    case TWO_OF_FOUR -> narrow(value, target % 4);
                    case WIDE -> wide(value, target - atom);
                }
            }
            int all = units * slotsPerUnit();
            while (slot < all) {
                switch (pattern) {
                    case WIDE -> wide(0, 0);
                    // the mask of a unit that stores nothing: its first 8 atoms
                    case EIGHT_OF_SIXTEEN -> narrow(0, slot % UNIT_SLOTS < UNIT_SLOTS / 2 ? 3 : 0);
                    default -> narrow(0, 0);
                }
            }
            return atom;
        }

        /** The mask of the 16 atoms that the 8 from position p on stand on. */
        private static int maskOfUnit(int[] atoms, int p) {
            int mask = 0;
            for (int q = p; q < p + UNIT_SLOTS; q++) {
                mask |= 1 << atoms[q] % ATOMS_PER_UNIT;
            }
            return mask;
        }

        private void narrow(int value, int place) {
            advance(2);
            words[word] |= slot % 2 == 0 ? value >>> 18 | place << 14 : place << 16 | value & ~BELOW_14_BITS;
            slot++;
            atom += place + 1;
        }

        private void wide(int value, int gap) {
            advance(1);
            words[word] = value & ~BELOW_16_BITS | gap;
            slot++;
            atom += gap + 1;
        }

        /** To the word of the slot, noting where a part begins. */
        private void advance(int slotsPerWord) {
            if (slot % slotsPerUnit() == 0) {
                int unit = slot / slotsPerUnit();
                int tile = row / TILE_ROWS;
                int lane = row % TILE_ROWS;
                word = ((tile * units + unit) * TILE_ROWS + lane) * UNIT_WORDS;
                // with few units several parts begin here, all but the last of them empty
                while (!grouped() && part < PARTS && part * units / PARTS == unit) {
                    starts[(tile * PARTS + part++) * TILE_ROWS + lane] = (short) atom;
                }
            } else if (slot % slotsPerWord == 0) {
                word++;
            }
        }
    }

    /** What stays of them when the contents are on a device. */
    public SlottedShape shape() {
        return new SlottedShape(rows, k, pattern, units, reach);
    }

    public int rows() {
        return rows;
    }

    public int k() {
        return k;
    }

    public Pattern pattern() {
        return pattern;
    }

    /** Units of 16 bytes in a row. */
    public int units() {
        return units;
    }

    public int tiles() {
        return (rows + TILE_ROWS - 1) / TILE_ROWS;
    }

    /** All slots stand on places below this one, which is k or more. */
    public int reach() {
        return reach;
    }

    /** ({@link #tiles}, {@link #units}, 32, 4), as the class says; shared, not copied. */
    public int[] words() {
        return words;
    }

    /** ({@link #tiles}, {@value #PARTS}, 32) unsigned, or none where the pattern stands on fixed places; shared, not copied. */
    public short[] starts() {
        return starts;
    }

    private boolean grouped() {
        return pattern == Pattern.EIGHT_OF_SIXTEEN || pattern == Pattern.TWO_OF_FOUR;
    }

    private int slotsPerUnit() {
        return pattern == Pattern.WIDE ? UNIT_WORDS : UNIT_SLOTS;
    }
}
