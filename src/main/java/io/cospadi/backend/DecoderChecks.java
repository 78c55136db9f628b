package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireF32;
import static io.cospadi.backend.Shapes.requireSame;
import static io.cospadi.backend.Shapes.requireVector;

import io.cospadi.tensor.DType;
import java.util.List;

/** What {@link DecoderVerbs} ask of their arguments, whichever backend computes. */
final class DecoderChecks {
    private DecoderChecks() {}

    static void multiplyCodes(Matrix z, SparseMatrix codes, Matrix out) {
        requireF32("multiplyCodes", z, out);
        require(
                z.cols() == codes.cols() && out.rows() == z.rows() && out.cols() == codes.rows(),
                "multiplyCodes",
                "z (N, k), codes (d2, k), out (N, d2)",
                z,
                codes.shape(),
                out);
        requireApart("multiplyCodes", out, z);
    }

    static void multiplyCodes(List<Matrix> z, List<? extends SparseMatrix> codes, List<Matrix> out) {
        if (z.size() != codes.size() || out.size() != codes.size()) {
            throw new IllegalArgumentException("multiplyCodes: " + codes.size() + " codes take and make as many"
                    + " matrices, not " + z.size() + " and " + out.size());
        }
        for (int i = 0; i < codes.size(); i++) {
            multiplyCodes(z.get(i), codes.get(i), out.get(i));
        }
        requireApart("multiplyCodes", out, z);
    }

    static void multiplyRebuilt(Matrix x, Matrix dictionary, SparseMatrix codes, Matrix out) {
        requireF32("multiplyRebuilt", x, out);
        require(
                x.cols() == dictionary.cols()
                        && x.cols() > 0
                        && dictionary.rows() == codes.cols()
                        && out.rows() == x.rows()
                        && out.cols() == codes.rows()
                        && (dictionary.dtype() == DType.F32 || dictionary.dtype() == DType.BF16),
                "multiplyRebuilt",
                "x (N, d1), dictionary (k, d1) in F32 or BF16, codes (d2, k), out (N, d2)",
                x,
                dictionary,
                codes.shape(),
                out);
        requireApart("multiplyRebuilt", out, x);
        requireApart("multiplyRebuilt", out, dictionary);
    }

    static void rmsNorm(String verb, Matrix x, Matrix weight, Matrix out) {
        requireF32(verb, x, weight, out);
        requireSame(verb, x, out);
        require(
                weight.rows() == 1 && weight.cols() > 0 && x.cols() % weight.cols() == 0,
                verb,
                "a (1, n) weight whose n divides the columns",
                weight,
                x);
    }

    static void rotate(String verb, Matrix x, Matrix cos, Matrix sin, int firstPosition) {
        requireF32(verb, x, cos, sin);
        requireSame(verb, cos, sin);
        require(
                cos.cols() > 0
                        && x.cols() % (2 * cos.cols()) == 0
                        && firstPosition >= 0
                        && (long) firstPosition + x.rows() <= cos.rows(),
                verb,
                "x (N, heads · headDim) and tables (positions, headDim / 2) that reach position " + firstPosition
                        + " + N - 1",
                x,
                cos);
    }

    static void rotateAndAppend(
            Matrix queries,
            Matrix keys,
            Matrix values,
            Matrix cos,
            Matrix sin,
            Matrix keyCache,
            Matrix valueCache,
            int position) {
        rotate("rotateAndAppend", queries, cos, sin, position);
        rotate("rotateAndAppend", keys, cos, sin, position);
        requireF32("rotateAndAppend", values, keyCache, valueCache);
        requireSame("rotateAndAppend", keys, values);
        requireSame("rotateAndAppend", keyCache, valueCache);
        require(
                queries.rows() == keys.rows()
                        && keys.cols() == keyCache.cols()
                        && position + (long) keys.rows() <= keyCache.rows(),
                "rotateAndAppend",
                "queries, keys and values of N tokens, caches with the keys' columns and room from position "
                        + position,
                queries,
                keys,
                keyCache);
        requireApart("rotateAndAppend", List.of(queries, keys, keyCache, valueCache), List.of(values));
    }

    static void attention(
            String verb,
            Matrix queries,
            Matrix keys,
            Matrix values,
            int heads,
            int headDim,
            int firstPosition,
            int window,
            Matrix out) {
        requireF32(verb, queries, keys, values, out);
        requireSame(verb, queries, out);
        requireSame(verb, keys, values);
        require(
                heads >= 1
                        && headDim >= 1
                        && queries.cols() == (long) heads * headDim
                        && keys.cols() >= headDim
                        && keys.cols() % headDim == 0
                        && heads % (keys.cols() / headDim) == 0
                        && firstPosition >= 0
                        && window >= 1
                        && (long) firstPosition + queries.rows() <= keys.rows(),
                verb,
                "queries (N, heads · headDim) and keys (positions, kvHeads · headDim), kvHeads a divisor of heads, "
                        + "positions >= firstPosition + N, window >= 1",
                queries,
                keys,
                "heads=" + heads,
                "headDim=" + headDim,
                "firstPosition=" + firstPosition,
                "window=" + window);
        requireApart(verb, out, queries);
        requireApart(verb, out, keys);
        requireApart(verb, out, values);
    }

    static void siluMultiply(Matrix gate, Matrix up) {
        requireF32("siluMultiply", gate, up);
        requireSame("siluMultiply", gate, up);
    }

    static void addBias(Matrix x, Matrix bias) {
        requireF32("addBias", x, bias);
        requireVector("addBias", bias, x.cols(), x.dtype(), x);
    }

    static void logSoftmax(Matrix logits) {
        requireF32("logSoftmax", logits);
    }

    static void negativeLogLikelihood(Matrix logits, int[] targets, Matrix losses) {
        String verb = "negativeLogLikelihood";
        requireNumberARow(verb, logits, losses);
        require(logits.dtype() == DType.F32, verb, "F32 logits", logits, losses);
        require(targets.length == logits.rows(), verb, "a target a row", targets.length + " targets", logits);
        for (int target : targets) {
            require(0 <= target && target < logits.cols(), verb, "targets among columns", target, logits);
        }
    }

    static void klDivergence(Matrix logP, Matrix logQ, Matrix divergences) {
        requireF32("klDivergence", logP, logQ);
        requireSame("klDivergence", logP, logQ);
        requireNumberARow("klDivergence", logP, divergences);
    }

    static void keepNucleus(Matrix logProbabilities, double share) {
        requireF32("keepNucleus", logProbabilities);
        require(0 < share && share <= 1, "keepNucleus", "a share above 0, at most 1", share, logProbabilities);
    }

    static void embed(Matrix table, Matrix tokens, Matrix out) {
        String verb = "embed";
        require(
                (table.dtype() == DType.F32 || table.dtype() == DType.BF16)
                        && out.dtype() == DType.F32
                        && table.cols() == out.cols(),
                verb,
                "a table in F32 or BF16 and F32 rows as long as its own",
                table,
                out);
        requireNumberARow(verb, out, tokens);
        requireApart(verb, out, table);
    }

    static void argmax(Matrix matrix, Matrix columns) {
        require(matrix.cols() > 0 || matrix.rows() == 0, "argmax", "columns to choose from", matrix);
        requireNumberARow("argmax", matrix, columns);
    }

    /** An F64 for each row of {@code matrix}, one below the other, apart from it. */
    static void requireNumberARow(String verb, Matrix matrix, Matrix numbers) {
        require(
                numbers.rows() == matrix.rows() && numbers.cols() == 1 && numbers.dtype() == DType.F64,
                verb,
                "an F64 a row",
                numbers,
                matrix);
        requireApart(verb, numbers, matrix);
    }
}
