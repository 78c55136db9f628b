package io.cospadi.tensor;

/**
 * A failure whose message is meant for the user, in one line: what, where (file, tensor), found against expected, and
 * what to do. Anything else that is thrown is a bug.
 */
public class CospadiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public CospadiException(String message) {
        super(message);
    }

    public CospadiException(String message, Throwable cause) {
        super(message, cause);
    }
}
