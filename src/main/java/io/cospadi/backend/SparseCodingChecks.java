package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireF32;
import static io.cospadi.backend.Shapes.requireSame;
import static io.cospadi.backend.Shapes.requireScalar;
import static io.cospadi.backend.Shapes.requireVector;

import io.cospadi.tensor.DType;

/** What {@link SparseCodingVerbs} ask of their arguments, whichever backend computes. */
final class SparseCodingChecks {
    private SparseCodingChecks() {}

    static void keepLargest(Matrix matrix, int s) {
        requireF32("keepLargest", matrix);
        require(0 <= s && s <= matrix.cols(), "keepLargest", "0 <= s <= cols", "s=" + s, matrix);
    }

    static void keepLargestInGroups(Matrix matrix, int kept, int group) {
        requireF32("keepLargestInGroups", matrix);
        requireGroups("keepLargestInGroups", matrix, kept, group);
    }

    private static void requireGroups(String verb, Matrix matrix, int kept, int group) {
        require(
                1 <= group && group <= 32 && Integer.bitCount(group) == 1 && 0 <= kept && kept <= group,
                verb,
                "groups of 1, 2, 4, 8, 16 or 32 columns and 0 <= kept <= group",
                "kept=" + kept + ", group=" + group,
                matrix);
    }

    static void restrictTo(Matrix pattern, Matrix values, Matrix out) {
        requireF32("restrictTo", pattern, values, out);
        requireSame("restrictTo", pattern, values);
        requireSame("restrictTo", pattern, out);
    }

    static void rowsUsing(Matrix codes) {
        requireF32("rowsUsing", codes);
    }

    static void hardThresholdStep(Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int s) {
        requireStep("hardThresholdStep", codes, residual, gradient, curvature);
        require(0 <= s && s <= codes.cols(), "hardThresholdStep", "0 <= s <= k", "s=" + s, codes);
    }

    static void hardThresholdStepInGroups(
            Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int kept, int group) {
        requireStep("hardThresholdStepInGroups", codes, residual, gradient, curvature);
        requireGroups("hardThresholdStepInGroups", codes, kept, group);
    }

    private static void requireStep(String verb, Matrix codes, Matrix residual, Matrix gradient, Matrix curvature) {
        requireF32(verb, codes, residual, gradient, curvature);
        requireSame(verb, codes, residual);
        requireSame(verb, codes, gradient);
        requireSame(verb, codes, curvature);
    }

    static void orthogonalMatchingPursuit(Matrix gram, Matrix correlations, int s, Matrix codes) {
        String verb = "orthogonalMatchingPursuit";
        requireF32(verb, gram, correlations, codes);
        require(
                gram.rows() == gram.cols()
                        && correlations.cols() == gram.cols()
                        && codes.rows() == correlations.rows()
                        && codes.cols() == correlations.cols(),
                verb,
                "a Gram (k, k), correlations (d2, k) and codes (d2, k)",
                gram,
                correlations,
                codes);
        require(1 <= s && s <= gram.rows(), verb, "1 <= s <= k", "s=" + s, gram, correlations);
        requireApart(verb, codes, correlations);
        requireApart(verb, codes, gram);
    }

    static void conjugateGradientStep(
            Matrix support, Matrix image, Matrix codes, Matrix residual, Matrix direction, Matrix energy) {
        String verb = "conjugateGradientStep";
        Matrix[] distinct = {support, image, codes, residual, direction};
        requireF32(verb, distinct);
        for (int i = 0; i < distinct.length; i++) {
            requireSame(verb, codes, distinct[i]);
            for (int j = 0; j < i; j++) {
                requireApart(verb, distinct[i], distinct[j]);
            }
        }
        requireVector(verb, energy, codes.rows(), DType.F32, codes);
    }

    static void sweepCodes(Matrix gram, Matrix support, Matrix changes) {
        String verb = "sweepCodes";
        requireF32(verb, gram, support, changes);
        requireSame(verb, support, changes);
        require(
                gram.rows() == gram.cols() && gram.rows() == changes.rows(),
                verb,
                "products (b, b) and changes (b, n)",
                gram,
                changes);
        require(
                gram.rows() <= SparseCodingVerbs.MOST_SWEPT_ATOMS,
                verb,
                "at most " + SparseCodingVerbs.MOST_SWEPT_ATOMS + " atoms",
                gram);
        requireApart(verb, changes, gram);
        requireApart(verb, changes, support);
    }

    static void normalizeAtoms(Matrix dictionary, Matrix previous, Matrix codes) {
        requireF32("normalizeAtoms", dictionary, previous, codes);
        requireSame("normalizeAtoms", dictionary, previous);
        require(
                codes.cols() == dictionary.rows(),
                "normalizeAtoms",
                "a dictionary (k, r) and codes (d2, k)",
                dictionary,
                codes);
        requireApart("normalizeAtoms", dictionary, previous);
        requireApart("normalizeAtoms", codes, dictionary);
        requireApart("normalizeAtoms", codes, previous);
    }

    static void extrapolate(Matrix fitted, Matrix previous, Matrix out) {
        requireF32("extrapolate", fitted, previous, out);
        requireSame("extrapolate", fitted, previous);
        requireSame("extrapolate", fitted, out);
    }

    static void replaceUnused(
            Matrix usage,
            Matrix rowErrors,
            Matrix target,
            Matrix codes,
            Matrix dictionary,
            Matrix previous,
            Matrix replaced) {
        String verb = "replaceUnused";
        requireF32(verb, target, codes, dictionary, previous);
        require(
                target.cols() == dictionary.cols()
                        && target.rows() == codes.rows()
                        && codes.cols() == dictionary.rows(),
                verb,
                "a target (d2, r), codes (d2, k) and a dictionary (k, r)",
                target,
                codes,
                dictionary);
        requireSame(verb, dictionary, previous);
        requireVector(verb, usage, codes.cols(), DType.F32, codes);
        requireVector(verb, rowErrors, codes.rows(), DType.F64, codes);
        requireScalar(verb, replaced, codes);
        Matrix[] updated = {codes, dictionary, previous, replaced};
        for (int i = 0; i < updated.length; i++) {
            requireApart(verb, updated[i], usage);
            requireApart(verb, updated[i], rowErrors);
            requireApart(verb, updated[i], target);
            for (int j = 0; j < i; j++) {
                if (updated[i] != updated[j]) {
                    requireApart(verb, updated[i], updated[j]);
                }
            }
        }
    }

    static void updateAtoms(Matrix residual, Matrix dictionary, Matrix codes, int s, int iterations) {
        String verb = "updateAtoms";
        requireF32(verb, residual, dictionary, codes);
        require(
                residual.cols() == dictionary.cols()
                        && residual.rows() == codes.rows()
                        && codes.cols() == dictionary.rows(),
                verb,
                "a residual (d2, r), a dictionary (k, r) and codes (d2, k)",
                residual,
                dictionary,
                codes);
        requireApart(verb, residual, dictionary);
        requireApart(verb, residual, codes);
        requireApart(verb, dictionary, codes);
        require(0 <= s && s <= codes.cols(), verb, "0 <= s <= k", "s=" + s, codes);
        require(iterations >= 1, verb, "1 iteration or more", iterations);
    }
}
