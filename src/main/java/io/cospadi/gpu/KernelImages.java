package io.cospadi.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The PTX that ships, one image for each file of {@code cuda-kernels}. */
final class KernelImages {
    /** The kernel files, in the order of their names. */
    static final List<String> FILES = List.of(
            "arithmetic",
            "atoms",
            "attention",
            "attention_decode",
            "attention_gradient",
            "code_sweep",
            "conjugate_gradient",
            "dead_atoms",
            "dense_gemv",
            "elementwise",
            "indexing",
            "ksvd",
            "levels",
            "nucleus",
            "omp",
            "packed_gemv",
            "packed_gemv_tokens",
            "packed_mma",
            "reductions",
            "rms_norm",
            "rotary",
            "row_gradients",
            "select",
            "softmax",
            "square",
            "storage",
            "support",
            "transpose",
            "triangular",
            "unpack_slots");

    /**
     * Those with a second image, for compute_90, whose kernels wait by themselves for the launch before, so that they may begin
     * before it has ended.
     */
    static final List<String> EARLY =
            List.of("attention_decode", "dense_gemv", "elementwise", "packed_gemv", "rms_norm", "rotary");

    private static final Pattern ENTRY = Pattern.compile("\\.visible \\.entry (\\w+)\\(");

    private KernelImages() {}

    /** The second image's PTX of one of {@link #EARLY}. */
    static String earlyPtx(String file) {
        return ptx(file + ".sm_90");
    }

    /** A file's PTX. */
    static String ptx(String file) {
        try (InputStream image = KernelImages.class.getResourceAsStream(file + ".ptx")) {
            return new String(image.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Which file each kernel is in. */
    static Map<String, String> fileOfKernel() {
        Map<String, String> files = new HashMap<>();
        for (String file : FILES) {
            for (Matcher entry = ENTRY.matcher(ptx(file)); entry.find(); ) {
                files.put(entry.group(1), file);
            }
        }
        return files;
    }
}
