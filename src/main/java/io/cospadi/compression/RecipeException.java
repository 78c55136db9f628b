package io.cospadi.compression;

import io.cospadi.tensor.CospadiException;

/** An option's value that makes no sense, or one that is missing. */
public final class RecipeException extends CospadiException {
    private static final long serialVersionUID = 1L;
    private static final String MODEL = "MODEL";

    private final boolean onCommandLine;
    private final String missing;

    RecipeException(String message, boolean onCommandLine) {
        this(message, onCommandLine, null);
    }

    private RecipeException(String message, boolean onCommandLine, String missing) {
        super(message);
        this.onCommandLine = onCommandLine;
        this.missing = missing;
    }

    /** A fault of the arguments. */
    public static RecipeException usage(String message) {
        return new RecipeException(message, true);
    }

    /** Whether the fault lies in the arguments (a matter of usage) rather than in a recipe file. */
    public boolean onCommandLine() {
        return onCommandLine;
    }

    /** What is needed and nowhere given; most give it on the command line. */
    static RecipeException missing(String option, String what) {
        return new RecipeException(option + " is missing: " + what, true, option);
    }

    /** The same of the model. */
    public static RecipeException missingModel() {
        return missing(MODEL, "the model's folder");
    }

    /** Whether it is the model that is nowhere given. */
    public boolean isOfMissingModel() {
        return MODEL.equals(missing);
    }
}
