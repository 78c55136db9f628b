package io.cospadi.cli;

import io.cospadi.compression.RecipeException;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Which GPU, and how much of it. */
final class GpuOptions {
    @Option(names = "--device", paramLabel = "N", description = "Which GPU, as the driver counts them (default: 0).")
    private Integer device;

    @Option(
            names = "--max-vram",
            paramLabel = "SIZE",
            description =
                    "Most GPU memory to hold, as in 6g or 800m, beside what the driver itself takes (default: what the GPU has).",
            converter = MemorySize.class)
    private Long maxVram;

    int device() {
        if (device == null) {
            return 0;
        }
        if (device < 0) {
            throw RecipeException.usage("--device counts from 0; found " + device);
        }
        return device;
    }

    /** Refuses a device where it is not the user's to choose. */
    void requireNoDevice(String reason) {
        if (device != null) {
            throw RecipeException.usage("--device is not to be given here: " + reason);
        }
    }

    /** Bytes; {@code Long.MAX_VALUE} for no limit. */
    long maxVram() {
        return maxVram == null ? Long.MAX_VALUE : maxVram;
    }

    /** The option by which a GPU was asked for, if any: one that a GPU's memory is limited by asks for none. */
    Optional<String> asking() {
        return device == null ? Optional.empty() : Optional.of("--device " + device);
    }

    /** Whether anything was said of a GPU. */
    boolean given() {
        return device != null || maxVram != null;
    }

    /** "6g", "800m", "64k" in powers of 1024, or plain bytes. */
    static final class MemorySize implements ITypeConverter<Long> {
        private static final Pattern FORM = Pattern.compile("(\\d{1,12})([kmgt]?)", Pattern.CASE_INSENSITIVE);

        @Override
        public Long convert(String text) {
            Matcher parts = FORM.matcher(text);
            if (!parts.matches() || parts.group(1).matches("0+")) {
                throw new TypeConversionException("a size is a number with k, m, g or t behind it; found " + text);
            }
            int power = parts.group(2).isEmpty()
                    ? 0
                    : 1 + "kmgt".indexOf(parts.group(2).toLowerCase(Locale.ROOT));
            try {
                return Math.multiplyExact(Long.parseLong(parts.group(1)), 1L << 10 * power);
            } catch (ArithmeticException e) {
                throw new TypeConversionException(text + " is more than any GPU has");
            }
        }
    }
}
