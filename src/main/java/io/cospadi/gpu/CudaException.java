package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** A call of the driver or of one of CUDA's libraries failed; the message names the call, its status and what it worked on. */
public final class CudaException extends CospadiException {
    private static final long serialVersionUID = 1;

    CudaException(String call, String status, String on) {
        super(call + " failed with " + status + (on.isEmpty() ? "" : " on " + on));
    }

    private CudaException(String message, CudaException cause) {
        super(message, cause);
    }

    /** The same of the call that it is known to be of. */
    CudaException of(String call) {
        return new CudaException(call + ": " + getMessage(), this);
    }
}
