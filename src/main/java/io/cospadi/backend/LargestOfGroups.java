package io.cospadi.backend;

/**
 * Keeps the largest magnitudes of every group of neighbours in a row exactly, ties to the lower index. An element's rank is the
 * number of those in its group that come before it; small groups are ranked by comparing every pair. The elements at one
 * position of all groups lie side by side while that is done, so that each comparison is one loop without branches over the
 * groups, which the compiler vectorises.
 *
 * <p>Rows are finite: a NaN would count as larger than infinity.
 */
final class LargestOfGroups {
    private static final int MAGNITUDE = 0x7FFFFFFF;

    private final int kept;
    private final int group;

    /**
     * @param kept  entries of a group that stay, {@code 0 <= kept <= group}
     * @param group elements of a group
     */
    LargestOfGroups(int kept, int group) {
        this.kept = kept;
        this.group = group;
    }

    /**
     * Zeroes all but each group's largest; a last group of fewer elements keeps as many.
     *
     * @param matrix F32
     * @param at     the row's first element
     * @param count  elements of the row
     */
    void keep(NativeMatrix matrix, long at, int count, Scratch scratch) {
        if (kept >= group) {
            return;
        }
        int groups = (count + group - 1) / group;
        int[] bits = scratch.ints(0, count);
        int[] magnitudes = scratch.ints(1, groups * group);
        int[] ranks = scratch.ints(2, groups * group);
        matrix.getBits(at, bits, count);
        for (int p = 0; p < group; p++) {
            for (int g = 0; g < groups; g++) {
                int j = g * group + p;
                // what the last group lacks is less than all: below 0
                magnitudes[p * groups + g] = j < count ? bits[j] & MAGNITUDE : -1;
                ranks[p * groups + g] = 0;
            }
        }
        for (int p = 0; p < group; p++) {
            for (int q = p + 1; q < group; q++) {
                compare(magnitudes, ranks, p * groups, q * groups, groups);
            }
        }
        for (int p = 0; p < group; p++) {
            for (int g = 0; g < groups && g * group + p < count; g++) {
                // all ones where the rank is below what is kept
                bits[g * group + p] &= ranks[p * groups + g] - kept >> 31;
            }
        }
        matrix.putBits(at, bits, count);
    }

    /** Of each pair, the elements from {@code first} on being the lower ones, one outranks the other. */
    private static void compare(int[] magnitudes, int[] ranks, int first, int second, int groups) {
        for (int g = 0; g < groups; g++) {
            int above = magnitudes[first + g] - magnitudes[second + g] >>> 31;
            ranks[first + g] += above;
            ranks[second + g] += 1 - above;
        }
    }
}
