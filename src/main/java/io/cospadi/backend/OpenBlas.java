package io.cospadi.backend;

import io.cospadi.tensor.CospadiException;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas_full;
import org.bytedeco.openblas.presets.openblas_nolapack;

/**
 * The one door to the native library: loads OpenBLAS, insists that it is OpenBLAS, and sets it to one thread a call, because
 * {@link Workers} does the splitting. The thread count is a setting of the whole process; it is set once and never again.
 */
final class OpenBlas {
    static final int ROW_MAJOR = 101;
    static final int COLUMN_MAJOR = 102;
    static final int NO_TRANSPOSE = 111;
    static final int TRANSPOSE = 112;
    static final int UPPER = 121;
    static final int LOWER = 122;
    static final int NON_UNIT = 131;
    static final int LEFT = 141;
    static final int RIGHT = 142;

    /** What {@code blas_get_vendor} says of OpenBLAS; 0 is unknown. */
    private static final int VENDOR_OPENBLAS = 2;

    private static final class Loaded {
        static final String IDENTITY = load();
    }

    private OpenBlas() {}

    /**
     * Loads the library on the first call.
     *
     * @return version, build options and the kernel that was picked for this processor
     * @throws CospadiException if it cannot be loaded, or if another BLAS took its place
     */
    static String identity() {
        try {
            return Loaded.IDENTITY;
        } catch (ExceptionInInitializerError e) {
            if (e.getCause() instanceof CospadiException reported) {
                throw reported;
            }
            throw e;
        } catch (NoClassDefFoundError e) {
            throw new CospadiException("the native OpenBLAS library could not be loaded; see the first error", e);
        }
    }

    private static String load() {
        try {
            Loader.load(openblas_full.class);
        } catch (UnsatisfiedLinkError | NoClassDefFoundError | RuntimeException e) {
            throw new CospadiException(
                    "cannot load the native OpenBLAS library for " + Loader.getPlatform()
                            + " (supported: linux-x86_64, "
                            + "linux-arm64): " + deepest(e)
                            + "; it is unpacked below ~/.javacpp/cache, so if that is not "
                            + "writable, name a folder that is: -Dorg.bytedeco.javacpp.cachedir=FOLDER",
                    e);
        }
        openblas_nolapack.blas_set_num_threads(1);
        if (openblas_nolapack.blas_get_vendor() != VENDOR_OPENBLAS || Loader.addressof("MKL_Set_Num_Threads") != null) {
            throw new CospadiException(
                    "another BLAS stands in OpenBLAS's place; remove -Dorg.bytedeco.openblas.load and any "
                            + "preloaded MKL, or set -Dorg.bytedeco.openblas.load=openblas");
        }
        return text(openblas_full.openblas_get_config()) + " kernel " + text(openblas_full.openblas_get_corename());
    }

    private static String text(BytePointer words) {
        return words.getString().trim();
    }

    private static String deepest(Throwable e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.getMessage();
    }

    /** f32 memory at an address that this package owns; nothing is freed with it. */
    static FloatPointer floats(long address) {
        return new FloatAddress(address);
    }

    /** f64 memory at an address. */
    static DoublePointer doubles(long address) {
        return new DoubleAddress(address);
    }

    /** Any memory at an address, {@code bytes} long. */
    static Pointer memory(long address, long bytes) {
        return new Address(address, bytes);
    }

    private static final class Address extends Pointer {
        Address(long address, long bytes) {
            super((Pointer) null);
            this.address = address;
            this.limit = bytes;
            this.capacity = bytes;
        }
    }

    private static final class FloatAddress extends FloatPointer {
        FloatAddress(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }

    private static final class DoubleAddress extends DoublePointer {
        DoubleAddress(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }
}
