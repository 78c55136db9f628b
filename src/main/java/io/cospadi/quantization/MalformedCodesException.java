package io.cospadi.quantization;

/** Stored codes that break the layout of {@link CodePacking}; whoever knows the tensor's name adds it. */
public final class MalformedCodesException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int row;
    private final boolean inMask;
    private final String defect;

    MalformedCodesException(int row, boolean inMask, String defect) {
        super("row " + row + " has " + defect);
        this.row = row;
        this.inMask = inMask;
        this.defect = defect;
    }

    /** The output feature whose codes are malformed. */
    public int row() {
        return row;
    }

    /** Whether the mask is malformed, else the values. */
    public boolean inMask() {
        return inMask;
    }

    /** What is wrong with that row, to follow "row n has". */
    public String defect() {
        return defect;
    }
}
