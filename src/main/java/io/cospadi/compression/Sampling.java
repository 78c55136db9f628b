package io.cospadi.compression;

/** Which windows of the text calibrate; {@link #option} is its name on the command line and in recipes. */
public enum Sampling {
    /** The first ones, disjoint, in order. */
    CONSECUTIVE("consecutive"),
    /** Drawn from all disjoint ones by the seed. */
    RANDOM("random");

    private final String option;

    Sampling(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
