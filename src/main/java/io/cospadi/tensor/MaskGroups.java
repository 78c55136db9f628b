package io.cospadi.tensor;

import java.util.Arrays;
import java.util.Optional;

/** A rule on where a row's nonzeros may lie, for kernels that need it; the mask tensor stays the same. */
public enum MaskGroups {
    /** Anywhere. */
    NONE("none", 0, 0),
    /** Eight of every 16 neighbouring atoms. */
    EIGHT_OF_16("8:16", 8, 16),
    /** Two of every 4 neighbouring atoms. */
    TWO_OF_4("2:4", 2, 4);

    private final String option;
    private final int nonzeros;
    private final int atoms;

    MaskGroups(String option, int nonzeros, int atoms) {
        this.option = option;
        this.nonzeros = nonzeros;
        this.atoms = atoms;
    }

    /** As on the command line and in files. */
    public String option() {
        return option;
    }

    /** Nonzeros in each group. */
    public int nonzeros() {
        return nonzeros;
    }

    /** Atoms of one group; 0 where there is no rule. */
    public int atoms() {
        return atoms;
    }

    /** The rule of that name. */
    public static Optional<MaskGroups> of(String option) {
        return Arrays.stream(values()).filter(g -> g.option.equals(option)).findFirst();
    }
}
