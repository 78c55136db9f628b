package io.cospadi.tensor;

/** A device has too little memory left, or may not use more; less work at a time needs less. */
public final class DeviceMemoryException extends CospadiException {
    private static final long serialVersionUID = 1;

    public DeviceMemoryException(String message) {
        super(message);
    }

    private DeviceMemoryException(String message, DeviceMemoryException cause) {
        super(message, cause);
    }

    /** The same with what was being done. */
    public DeviceMemoryException in(String doing) {
        return new DeviceMemoryException(doing + ": " + getMessage(), this);
    }

    /** The same of a job that goes on from what it has finished. */
    public DeviceMemoryException inJob(String doing) {
        return new DeviceMemoryException(
                doing + ": " + getMessage() + "; what is finished is kept, and the same command goes on from there",
                this);
    }
}
