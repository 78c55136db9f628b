package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** A device has too little memory left, or may not use more; less work at a time needs less. */
public final class DeviceMemoryException extends CospadiException {
    private static final long serialVersionUID = 1;

    public DeviceMemoryException(String message) {
        super(message);
    }
}
