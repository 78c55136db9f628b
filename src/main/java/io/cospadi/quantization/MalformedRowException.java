package io.cospadi.quantization;

/** Stored numbers that break the layout of {@link CodePacking} or {@link LevelPacking}; whoever knows the tensor's name adds it. */
public final class MalformedRowException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Which of the tensors that belong together is malformed. */
    public enum Where {
        MASK,
        VALUES,
        SCALES
    }

    private final int row;
    private final Where where;
    private final String defect;

    MalformedRowException(int row, Where where, String defect) {
        super("row " + row + " has " + defect);
        this.row = row;
        this.where = where;
        this.defect = defect;
    }

    /** The malformed row: an output feature of codes, an atom of a dictionary. */
    public int row() {
        return row;
    }

    /** The malformed tensor. */
    public Where where() {
        return where;
    }

    /** What is wrong with that row, to follow "row n has". */
    public String defect() {
        return defect;
    }
}
