package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireF32;
import static io.cospadi.backend.Shapes.requireSame;
import static io.cospadi.backend.Shapes.requireSameShape;

import io.cospadi.tensor.DType;
import io.cospadi.tensor.LevelGrid;
import java.util.List;

/** What {@link RoundingVerbs} ask of their arguments, whichever backend computes. */
final class RoundingChecks {
    private RoundingChecks() {}

    static void keepTopBits(Matrix matrix, int bits) {
        require(matrix.dtype() != DType.BF16, "keepTopBits", "an F32 or F64 matrix", matrix);
        require(10 <= bits && bits <= 31, "keepTopBits", "10 to 31 bits", "bits=" + bits, matrix);
    }

    static void chooseScales(Matrix values, int groupSize, int bits, Matrix scales) {
        String verb = "chooseScales";
        requireLevels(verb, groupSize, bits);
        require(
                values.dtype() == DType.F64
                        && scales.dtype() == DType.F32
                        && scales.rows() == LevelGrid.scales(values.rows(), groupSize)
                        && scales.cols() == values.cols(),
                verb,
                "values (n, m) F64 and F32 scales, one for each group of a column",
                values,
                scales);
        requireApart(verb, scales, values);
    }

    static void roundWithFeedback(
            Matrix values, Matrix wanted, Matrix feedback, int from, int bits, Matrix scales, Matrix levels) {
        String verb = "roundWithFeedback";
        requireF64(verb, values, wanted, feedback);
        requireF32(verb, scales, levels);
        requireSame(verb, values, wanted);
        requireSameShape(verb, values, levels);
        requireLevels(verb, 0, bits);
        int b = values.rows();
        require(b <= RoundingVerbs.MOST_FED_ROWS, verb, "at most " + RoundingVerbs.MOST_FED_ROWS + " rows", values);
        require(
                feedback.rows() == b && from >= 0 && from <= feedback.cols() - b,
                verb,
                "values (b, m) and feedback (b, n) with b columns from the first on",
                "from=" + from,
                values,
                feedback);
        require(
                scales.rows() == 1 && scales.cols() == values.cols(),
                verb,
                "values (b, m) and scales (1, m)",
                values,
                scales);
        requireApart(verb, List.of(values, wanted, levels), List.of(feedback, scales));
    }

    static void markStored(Matrix codes, int kept, int group, Matrix support) {
        String verb = "markStored";
        requireF32(verb, codes, support);
        requireSame(verb, codes, support);
        require(
                group >= 1 && codes.cols() % group == 0 && 0 <= kept && kept <= group,
                verb,
                "whole groups of columns and 0 <= kept <= group",
                "kept=" + kept + ", group=" + group,
                codes);
        requireApart(verb, support, codes);
    }

    static void roundOnSupport(
            Matrix gram,
            Matrix support,
            Matrix residuals,
            Matrix codes,
            int s,
            int groupSize,
            int bits,
            Matrix scales) {
        String verb = "roundOnSupport";
        requireF32(verb, gram, support, residuals, codes, scales);
        requireSame(verb, codes, support);
        requireSame(verb, codes, residuals);
        requireLevels(verb, groupSize, bits);
        require(
                gram.rows() == gram.cols() && gram.rows() == codes.cols(),
                verb,
                "products (k, k) and codes (d2, k)",
                gram,
                codes);
        require(1 <= s && s <= codes.cols(), verb, "1 <= s <= k", "s=" + s, codes);
        require(
                scales.rows() == codes.rows() && scales.cols() == LevelGrid.scales(s, groupSize),
                verb,
                "codes (d2, k) and a scale for each group of a row's s",
                "s=" + s + ", groups of " + groupSize,
                codes,
                scales);
        requireApart(verb, List.of(residuals, codes, scales), List.of(gram, support));
    }

    private static void requireF64(String verb, Matrix... matrices) {
        for (Matrix matrix : matrices) {
            require(matrix.dtype() == DType.F64, verb, "F64 matrices", (Object[]) matrices);
        }
    }

    private static void requireLevels(String verb, int groupSize, int bits) {
        require(
                groupSize >= 0 && LevelGrid.isBits(bits),
                verb,
                "groups of 0 or more and 3 to 8 bits",
                "groups of " + groupSize,
                bits + " bits");
    }
}
