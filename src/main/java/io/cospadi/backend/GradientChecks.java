package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireF32;
import static io.cospadi.backend.Shapes.requireSame;
import static io.cospadi.backend.Shapes.requireVector;

import io.cospadi.tensor.DType;

/** What {@link GradientVerbs} ask of their arguments, whichever backend computes. */
final class GradientChecks {
    private GradientChecks() {}

    static void rmsNormGradient(Matrix x, Matrix weight, Matrix gradient) {
        DecoderChecks.rmsNorm("rmsNormGradient", x, weight, gradient);
        requireApart("rmsNormGradient", gradient, x);
    }

    static void attentionGradient(
            Matrix queries,
            Matrix keys,
            Matrix values,
            int heads,
            int headDim,
            int window,
            Matrix gradient,
            Matrix queryGradient,
            Matrix keyGradient,
            Matrix valueGradient) {
        String verb = "attentionGradient";
        DecoderChecks.attention(verb, queries, keys, values, heads, headDim, 0, window, queryGradient);
        requireF32(verb, gradient, keyGradient, valueGradient);
        requireSame(verb, queries, gradient);
        requireSame(verb, keys, keyGradient);
        requireSame(verb, values, valueGradient);
        require(keys.rows() == queries.rows(), verb, "a key for each query", queries, keys);
        for (Matrix out : new Matrix[] {queryGradient, keyGradient, valueGradient}) {
            for (Matrix in : new Matrix[] {queries, keys, values, gradient}) {
                requireApart(verb, out, in);
            }
        }
        requireApart(verb, keyGradient, valueGradient);
        requireApart(verb, keyGradient, queryGradient);
        requireApart(verb, valueGradient, queryGradient);
    }

    static void siluMultiplyGradient(Matrix gate, Matrix up, Matrix gradient) {
        String verb = "siluMultiplyGradient";
        requireF32(verb, gate, up, gradient);
        requireSame(verb, gate, up);
        requireSame(verb, gate, gradient);
        requireApart(verb, gate, up);
        requireApart(verb, gate, gradient);
        requireApart(verb, up, gradient);
    }

    static void sample(Matrix logProbabilities, double[] uniforms, Matrix columns) {
        String verb = "sample";
        requireProbabilities(verb, logProbabilities, columns);
        require(
                uniforms.length == logProbabilities.rows() && (logProbabilities.cols() > 0 || uniforms.length == 0),
                verb,
                "columns, and a number a row",
                uniforms.length + " numbers",
                logProbabilities);
        for (double uniform : uniforms) {
            require(0 <= uniform && uniform < 1, verb, "numbers in [0, 1)", uniform, logProbabilities);
        }
    }

    static void likelihoodGradient(Matrix logProbabilities, Matrix targets) {
        requireProbabilities("likelihoodGradient", logProbabilities, targets);
    }

    private static void requireProbabilities(String verb, Matrix logProbabilities, Matrix columns) {
        DecoderChecks.requireNumberARow(verb, logProbabilities, columns);
        require(logProbabilities.dtype() == DType.F32, verb, "F32 probabilities", logProbabilities, columns);
    }

    static void clippingFactors(Matrix squares, Matrix factors) {
        requireF32("clippingFactors", squares, factors);
        requireSame("clippingFactors", squares, factors);
        require(squares.rows() == 1, "clippingFactors", "one row of squares", squares);
    }

    static void addSquares(Matrix x, Matrix factors, Matrix sums) {
        requireF32("addSquares", x, factors);
        requireVector("addSquares", factors, x.rows(), DType.F32, x);
        requireVector("addSquares", sums, x.cols(), DType.F64, x);
    }
}
