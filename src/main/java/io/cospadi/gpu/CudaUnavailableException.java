package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** No GPU can be computed on, here and now; the message says what is missing and how to get it. */
public final class CudaUnavailableException extends CospadiException {
    private static final long serialVersionUID = 1;

    CudaUnavailableException(String message) {
        super(message);
    }

    CudaUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
