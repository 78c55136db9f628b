package io.cospadi.calibration;

import com.fasterxml.jackson.annotation.JsonValue;

/** How much of H, the second moment of the loss gradient at a projection's output, is kept; {@link #option} is its name. */
public enum OutputCovariance {
    /** The mean square of each output feature, d2 numbers. */
    DIAGONAL("diagonal"),
    /** All of H, d2² numbers, beside its diagonal. */
    FULL("full");

    private final String option;

    OutputCovariance(String option) {
        this.option = option;
    }

    /** The name users type. */
    @JsonValue
    public String option() {
        return option;
    }
}
