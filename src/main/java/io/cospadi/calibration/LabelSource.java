package io.cospadi.calibration;

import com.fasterxml.jackson.annotation.JsonValue;

/** Where the labels of a loss come from; {@link #option} is its name on the command line and in stores. */
public enum LabelSource {
    /** Drawn from the model's own distribution, which makes the mean squared gradient the true Fisher information. */
    MODEL("model"),
    /** The text's next tokens; the last position of a window has none. */
    TEXT("text");

    private final String option;

    LabelSource(String option) {
        this.option = option;
    }

    /** The name users type. */
    @JsonValue
    public String option() {
        return option;
    }
}
