package io.cospadi.gpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import jcuda.driver.CUfunction;
import jcuda.driver.CUstream;
import org.bytedeco.javacpp.BytePointer;

/**
 * Launches that may begin before the launch queued before has ended, and wait for it themselves: programmatic dependent launch by
 * the driver's {@code cuLaunchKernelEx}, which JCuda 12.6 does not have.
 */
final class EarlyLaunch implements AutoCloseable {
    private static final int CONFIG_BYTES = 56;
    private static final int STREAM = 32;
    private static final int ATTRIBUTES = 40;
    private static final int ATTRIBUTE_COUNT = 48;

    private static final int ATTRIBUTE_BYTES = 72;
    private static final int ATTRIBUTE_VALUE = 8;
    private static final int PROGRAMMATIC_STREAM_SERIALIZATION = 6;

    private final Function function;
    private final BytePointer memory = new BytePointer((long) CONFIG_BYTES + ATTRIBUTE_BYTES);
    private final ByteBuffer bytes = memory.asByteBuffer().order(ByteOrder.nativeOrder());

    /** A kernel that shows its handle. */
    static final class Kernel extends CUfunction {
        long handle() {
            return getNativePointer();
        }
    }

    /** A stream that shows its handle. */
    static final class Stream extends CUstream {
        long handle() {
            return getNativePointer();
        }
    }

    private EarlyLaunch(Function function) {
        this.function = function;
        memory.zero();
        bytes.putLong(ATTRIBUTES, memory.address() + CONFIG_BYTES);
        bytes.putInt(ATTRIBUTE_COUNT, 1);
        bytes.putInt(CONFIG_BYTES, PROGRAMMATIC_STREAM_SERIALIZATION);
        bytes.putInt(CONFIG_BYTES + ATTRIBUTE_VALUE, 1);
    }

    /** Of the driver's library by its name or path; empty if that is too old, or JNA can't call into it here. */
    static Optional<EarlyLaunch> of(String library) {
        try {
            return Optional.of(
                    new EarlyLaunch(NativeLibrary.getInstance(library).getFunction("cuLaunchKernelEx")));
        } catch (LinkageError e) {
            return Optional.empty();
        }
    }

    /**
     * As {@code cuLaunchKernel}.
     *
     * @param arguments as {@link LaunchArguments#addressOf} has them
     * @return the driver's status
     */
    int launch(long kernel, LaunchGeometry geometry, long stream, long arguments) {
        bytes.putInt(0, geometry.gridX());
        bytes.putInt(4, geometry.gridY());
        bytes.putInt(8, geometry.gridZ());
        bytes.putInt(12, geometry.blockX());
        bytes.putInt(16, geometry.blockY());
        bytes.putInt(20, 1);
        bytes.putInt(24, geometry.sharedBytes());
        bytes.putLong(STREAM, stream);
        return function.invokeInt(new Object[] {memory.address(), kernel, arguments, 0L});
    }

    @Override
    public void close() {
        memory.close();
    }
}
