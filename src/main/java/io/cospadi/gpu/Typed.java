package io.cospadi.gpu;

import io.cospadi.tensor.DType;
import java.util.Locale;

/** How kernels that exist for f32 and for f64 are named, and how a scalar reaches them. */
final class Typed {
    private Typed() {}

    /** {@code family_f32} or {@code family_f64}. */
    static String kernel(String family, DType type) {
        requireReal(type);
        return family + "_" + type.name().toLowerCase(Locale.ROOT);
    }

    /** The value as the kernel of that type takes it. */
    static Number scalar(DType type, double value) {
        requireReal(type);
        if (type == DType.F32) {
            return (float) value;
        }
        return value;
    }

    private static void requireReal(DType type) {
        if (type != DType.F32 && type != DType.F64) {
            throw new IllegalArgumentException("kernels compute with F32 or F64, not " + type);
        }
    }
}
