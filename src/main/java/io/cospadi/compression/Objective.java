package io.cospadi.compression;

/** What a factorisation keeps small; {@link #option} is its name on the command line and in recipes. */
public enum Objective {
    /** The change of each projection's output on the calibration text. */
    OUTPUT("output"),
    /** The predicted rise of the loss. */
    LOSS("loss");

    private final String option;

    Objective(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
