package io.cospadi.gpu;

/** Where codes are stored, by plain loops. */
public final class PlainSupport {
    private PlainSupport() {}

    /**
     * 1 at the first nonzeros of every group, and at the lowest others of one that has fewer than it keeps; 0 elsewhere.
     *
     * @param codes rows one after the other, whole groups
     */
    public static float[] stored(float[] codes, int kept, int group) {
        float[] marks = new float[codes.length];
        for (int from = 0; from < codes.length; from += group) {
            int used = 0;
            for (int j = from; j < from + group; j++) {
                used += codes[j] != 0 ? 1 : 0;
            }
            int others = Math.max(0, kept - used);
            int left = kept;
            for (int j = from; j < from + group && left > 0; j++) {
                if (codes[j] != 0 || others-- > 0) {
                    marks[j] = 1;
                    left--;
                }
            }
        }
        return marks;
    }
}
