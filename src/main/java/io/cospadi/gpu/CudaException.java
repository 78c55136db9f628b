package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** A call of the driver or of one of CUDA's libraries failed; the message names the call, its status and what it worked on. */
public final class CudaException extends CospadiException {
    private static final long serialVersionUID = 1;

    private final String failure;

    CudaException(String call, String status, String on) {
        super(call + " failed with " + status + (on.isEmpty() ? "" : " on " + on));
        failure = getMessage();
    }

    /** @param advice what is to be done by whoever doesn't know more, with what leads to it */
    private CudaException(CudaException cause, String failure, String advice) {
        super(failure + advice, cause);
        this.failure = failure;
    }

    /** The same, with advice behind it. */
    CudaException with(String advice) {
        return new CudaException(this, failure, advice);
    }

    /** The same of the call that it is known to be of; advice is of no use then. */
    CudaException of(String call) {
        return new CudaException(this, call + ": " + failure, "");
    }
}
