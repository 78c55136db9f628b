package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Every verb that takes matrices, found by reflection, is called with shapes that fit and then with each of its matrices in
 * turn replaced by one that does not: one row more, one column more, the other type, another matrix of its own. Each refusal
 * names the shape that was given.
 */
abstract class AbstractShapeErrorsTest extends AbstractBackendTest {
    /** A call that works: the arguments in order, matrices by their shape, lists of one. */
    private record Call(String verb, Object... arguments) {}

    private record Shape(int rows, int cols, DType type) {}

    private static Shape single(int rows, int cols) {
        return new Shape(rows, cols, DType.F32);
    }

    private static Shape wide(int rows, int cols) {
        return new Shape(rows, cols, DType.F64);
    }

    private static final Codes CODES = new Codes(3, 4, 1, new int[] {0, 1, 2}, new float[] {1, 2, 3});

    private static final List<Call> CALLS = List.of(
            new Call("write", single(2, 3), new float[6]),
            new Call("write", wide(2, 3), new double[6]),
            new Call("readFloats", single(2, 3)),
            new Call("readDoubles", wide(2, 3)),
            new Call("read", wide(1, 1)),
            new Call("load", single(2, 3), ByteBuffer.allocate(24), DType.F32),
            new Call("copy", single(2, 3), wide(2, 3)),
            new Call("gatherRows", single(5, 3), new int[] {4, 0}, single(2, 3)),
            new Call("scatterRows", single(2, 3), new int[] {4, 0}, single(5, 3)),
            new Call("gatherColumn", single(5, 3), 2, new int[] {4, 0}, single(1, 2)),
            new Call("scatterColumn", single(1, 2), new int[] {4, 0}, single(5, 3), 2),
            new Call("transpose", single(2, 3), single(3, 2)),
            new Call("gemm", 1.0, single(2, 3), false, single(3, 4), false, 0.0, single(2, 4)),
            new Call("multiplyWeights", single(2, 3), List.of(single(4, 3)), List.of(single(2, 4))),
            new Call("symmetricProduct", single(2, 3), false, single(2, 2)),
            new Call("addGram", single(2, 3), wide(3, 3)),
            new Call("axpy", 1.0, single(2, 3), single(2, 3)),
            new Call("axpy", wide(1, 1), single(2, 3), single(2, 3)),
            new Call("scale", wide(1, 1), single(2, 3)),
            new Call("copyIfLess", wide(1, 1), wide(1, 1), single(2, 3), single(2, 3)),
            new Call("scaleRows", single(2, 3), single(1, 2)),
            new Call("scaleColumns", single(2, 3), single(1, 3)),
            new Call("axpyRows", single(1, 2), single(2, 3), single(2, 3)),
            new Call("power", single(2, 3), 0.5, single(2, 3)),
            new Call("ratio", single(2, 3), single(2, 3), single(2, 3)),
            new Call("rowDots", single(2, 3), single(2, 3), single(1, 2)),
            new Call("dot", single(2, 3), single(2, 3)),
            new Call("dot", single(2, 3), single(2, 3), wide(1, 1)),
            new Call("diagonal", single(3, 3), single(1, 3)),
            new Call("addToDiagonal", single(3, 3), 1.0),
            new Call("addToDiagonal", single(3, 3), wide(1, 1)),
            new Call("cholesky", single(3, 3)),
            new Call("cholesky", single(3, 3), wide(1, 1)),
            new Call("solveCholesky", single(3, 3), single(3, 2)),
            new Call("solveTriangular", single(3, 3), false, single(3, 2)),
            new Call("eigenSymmetric", single(3, 3)),
            new Call("eigenvectors", single(3, 3), wide(1, 1)),
            new Call("keepLargest", single(2, 3), 1),
            new Call("keepLargestInGroups", single(2, 3), 1, 2),
            new Call("restrictTo", single(2, 3), single(2, 3), single(2, 3)),
            new Call("rowsUsing", single(2, 3)),
            new Call("chooseScales", wide(4, 3), 2, 4, single(2, 3)),
            new Call("roundWithFeedback", wide(2, 3), wide(2, 3), wide(2, 4), 2, 4, single(1, 3), single(2, 3)),
            new Call("markStored", single(2, 3), 1, 3, single(2, 3)),
            new Call("roundOnSupport", single(3, 3), single(2, 3), single(2, 3), single(2, 3), 2, 0, 4, single(2, 1)),
            new Call("hardThresholdStep", single(2, 3), single(2, 3), single(2, 3), single(2, 3), 1),
            new Call("hardThresholdStepInGroups", single(2, 3), single(2, 3), single(2, 3), single(2, 3), 1, 2),
            new Call("orthogonalMatchingPursuit", single(3, 3), single(2, 3), 1, single(2, 3)),
            new Call(
                    "conjugateGradientStep",
                    single(2, 3),
                    single(2, 3),
                    single(2, 3),
                    single(2, 3),
                    single(2, 3),
                    single(1, 2)),
            new Call("sweepCodes", single(3, 3), single(3, 5), single(3, 5)),
            new Call("normalizeAtoms", single(3, 4), single(3, 4), single(2, 3)),
            new Call("extrapolate", 0.5, single(2, 3), single(2, 3), single(2, 3)),
            new Call(
                    "replaceUnused",
                    single(1, 3),
                    wide(1, 2),
                    single(2, 4),
                    single(2, 3),
                    single(3, 4),
                    single(3, 4),
                    wide(1, 1)),
            new Call("updateAtoms", single(5, 4), single(3, 4), single(5, 3), 2, 2),
            new Call("multiplyCodes", single(2, 4), CODES, single(2, 3)),
            new Call("multiplyCodes", List.of(single(2, 4)), List.of(CODES), List.of(single(2, 3))),
            new Call("multiplyRebuilt", single(2, 5), single(4, 5), CODES, false, single(2, 3)),
            new Call("rmsNorm", single(2, 4), single(1, 4), 1e-5, single(2, 4)),
            new Call("rotate", single(2, 4), single(3, 2), single(3, 2), 1),
            new Call(
                    "rotateAndAppend",
                    single(2, 8),
                    single(2, 4),
                    single(2, 4),
                    single(5, 2),
                    single(5, 2),
                    single(6, 4),
                    single(6, 4),
                    3),
            new Call("attention", single(2, 8), single(3, 4), single(3, 4), 4, 2, 1, 9, single(2, 8)),
            new Call("siluMultiply", single(2, 3), single(2, 3)),
            new Call("addBias", single(2, 3), single(1, 3)),
            new Call("logSoftmax", single(2, 3)),
            new Call("keepNucleus", single(2, 3), 0.5),
            new Call("negativeLogLikelihood", single(2, 3), new int[] {0, 1}, wide(2, 1)),
            new Call("klDivergence", single(2, 3), single(2, 3), wide(2, 1)),
            new Call("argmax", single(2, 3), wide(2, 1)),
            new Call("embed", single(5, 3), wide(2, 1), single(2, 3)),
            new Call("rmsNormGradient", single(2, 4), single(1, 4), 1e-5, single(2, 4)),
            new Call("rotateBack", single(2, 4), single(3, 2), single(3, 2), 1),
            new Call(
                    "attentionGradient",
                    single(3, 8),
                    single(3, 4),
                    single(3, 4),
                    4,
                    2,
                    9,
                    single(3, 8),
                    single(3, 8),
                    single(3, 4),
                    single(3, 4)),
            new Call("siluMultiplyGradient", single(2, 3), single(2, 3), single(2, 3)),
            new Call("sample", single(2, 3), new double[] {0, 0.5}, wide(2, 1)),
            new Call("likelihoodGradient", single(2, 3), wide(2, 1)),
            new Call("clippingFactors", single(1, 3), 2.0, single(1, 3)),
            new Call("addSquares", single(2, 3), single(1, 2), wide(1, 3)));

    /** Verbs that take any matrix there is. */
    private static final Set<String> ANY_SHAPE = Set.of("fill", "scale", "download", "keepTopBits");

    /** Changes that leave a call legal: more rows to choose from, or a type that is converted or served as well. */
    private static final Set<String> LEGAL = Set.of(
            "addGram 0 row",
            "scale 1 row",
            "scale 1 column",
            "scale 1 type",
            "rowDots 2 type",
            "scaleRows 0 column",
            "scaleColumns 0 row",
            "addBias 0 row",
            "copy 0 type",
            "copy 1 type",
            "load 0 type",
            "gatherRows 0 row",
            "scatterRows 2 row",
            "gatherColumn 0 row",
            "gatherColumn 0 column",
            "scatterColumn 2 row",
            "scatterColumn 2 column",
            "addToDiagonal 0 type",
            "cholesky 0 type",
            "eigenSymmetric 0 type",
            "eigenvectors 0 type",
            "solveCholesky 1 column",
            "solveTriangular 2 column",
            "keepLargest 0 row",
            "keepLargestInGroups 0 row",
            "keepLargestInGroups 0 column",
            "normalizeAtoms 2 row",
            "keepLargest 0 column",
            "roundWithFeedback 2 column",
            "rowsUsing 0 row",
            "rowsUsing 0 column",
            "readFloats 0 row",
            "readFloats 0 column",
            "readDoubles 0 row",
            "readDoubles 0 column",
            "logSoftmax 0 row",
            "keepNucleus 0 row",
            "keepNucleus 0 column",
            "logSoftmax 0 column",
            "negativeLogLikelihood 0 column",
            "argmax 0 column",
            "argmax 0 type",
            "embed 0 row",
            "sample 0 column",
            "likelihoodGradient 0 column",
            "symmetricProduct 0 column");

    @Test
    void everyVerbIsListed() {
        Set<String> verbs = new TreeSet<>();
        for (Method method : Backend.class.getMethods()) {
            if (Arrays.asList(method.getParameterTypes()).contains(Matrix.class)) {
                verbs.add(method.getName());
            }
        }
        Set<String> listed = new TreeSet<>(ANY_SHAPE);
        CALLS.forEach(call -> listed.add(call.verb()));
        assertEquals(verbs, listed);
    }

    @Test
    void wrongShapesAreNamed() throws Exception {
        List<String> wrong = new ArrayList<>();
        int refused = 0;
        for (Call call : CALLS) {
            assertEquals("", refusal(call.verb(), arguments(call, -1, null)), call.verb() + " with shapes that fit");
            for (int i = 0; i < call.arguments().length; i++) {
                Shape fits = shape(call.arguments()[i]);
                if (fits != null) {
                    DType other = fits.type() == DType.F32 ? DType.F64 : DType.F32;
                    check(call, i, "row", new Shape(fits.rows() + 1, fits.cols(), fits.type()), wrong);
                    check(call, i, "column", new Shape(fits.rows(), fits.cols() + 1, fits.type()), wrong);
                    check(call, i, "type", new Shape(fits.rows(), fits.cols(), other), wrong);
                    refused += 3;
                }
            }
        }
        assertEquals(List.of(), wrong, "out of " + refused);
        assertTrue(refused > 200, "only " + refused + " calls were tried");
    }

    /** The shape that an argument of a call stands for, or null. */
    private static Shape shape(Object argument) {
        Object single = argument instanceof List<?> list ? list.get(0) : argument;
        return single instanceof Shape shape ? shape : null;
    }

    private static String shapeOf(Object argument) {
        return ((Matrix) (argument instanceof List<?> list ? list.get(0) : argument)).shape();
    }

    /** The message must hold the verb, the wrong shape, and the shape of another matrix where there is one. */
    private void check(Call call, int at, String change, Shape replacement, List<String> wrong) throws Exception {
        String name = call.verb() + " " + at + " " + change;
        Object[] arguments = arguments(call, at, replacement);
        String message = refusal(call.verb(), arguments);
        if (message.isEmpty() || LEGAL.contains(name)) {
            if (message.isEmpty() != LEGAL.contains(name)) {
                wrong.add(name + ": " + (message.isEmpty() ? "not refused" : message));
            }
            return;
        }
        boolean others = false;
        boolean named = false;
        for (int i = 0; i < arguments.length; i++) {
            if (i != at && shape(call.arguments()[i]) != null) {
                others = true;
                named |= message.contains(shapeOf(arguments[i]));
            }
        }
        boolean itself = message.contains(shapeOf(arguments[at]));
        if (!itself || others && !named || !message.startsWith(call.verb())) {
            wrong.add(name + ": " + message);
        }
    }

    private Object[] arguments(Call call, int replaced, Shape by) {
        Object[] arguments = call.arguments().clone();
        for (int i = 0; i < arguments.length; i++) {
            Shape fits = shape(arguments[i]);
            if (fits != null) {
                Shape made = i == replaced ? by : fits;
                Matrix matrix = matrix(made.rows(), made.cols(), made.type());
                if (made.rows() == made.cols() && made.rows() > 1) {
                    backend.addToDiagonal(matrix, 1);
                }
                arguments[i] = arguments[i] instanceof List ? List.of(matrix) : matrix;
            } else if (arguments[i] == CODES) {
                arguments[i] = closing(backend.upload(CODES));
            } else if (arguments[i] instanceof List) {
                arguments[i] = List.of(closing(backend.upload(CODES)));
            }
        }
        return arguments;
    }

    /** The message of the IllegalArgumentException, empty if there is none. */
    private String refusal(String verb, Object[] arguments) throws Exception {
        Method method = Arrays.stream(Backend.class.getMethods())
                .filter(each -> each.getName().equals(verb) && accepts(each.getParameterTypes(), arguments))
                .findFirst()
                .orElseThrow();
        try {
            method.invoke(backend, arguments);
            return "";
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException refused) {
                return refused.getMessage();
            }
            throw new AssertionError(verb + Arrays.toString(arguments), e.getCause());
        }
    }

    private static boolean accepts(Class<?>[] types, Object[] arguments) {
        if (types.length != arguments.length) {
            return false;
        }
        for (int i = 0; i < types.length; i++) {
            if (types[i].isPrimitive() ? arguments[i] instanceof Matrix : !types[i].isInstance(arguments[i])) {
                return false;
            }
        }
        return true;
    }

    @Test
    void everyBackendSaysWhatItIs() {
        assertFalse(backend.identity().isBlank());
    }

    @Test
    void listsOfOtherLengthsAreNamed() {
        Matrix x = matrix(2, 3, DType.F32);
        List<Matrix> one = List.of(matrix(2, 3, DType.F32));
        List<Matrix> two = List.of(matrix(2, 3, DType.F32), matrix(2, 3, DType.F32));
        List<Matrix> weights = List.of(matrix(3, 3, DType.F32));
        for (List<Matrix> other : List.of(List.<Matrix>of(), two)) {
            requireCounts("multiplyWeights", other.size(), () -> backend.multiplyWeights(x, weights, other));
        }
        List<SparseMatrix> codes =
                List.of(closing(backend.upload(new Codes(3, 3, 1, new int[] {0, 1, 2}, new float[] {1, 2, 3}))));
        for (List<Matrix> other : List.of(List.<Matrix>of(), two)) {
            requireCounts("multiplyCodes", other.size(), () -> backend.multiplyCodes(other, codes, one));
            requireCounts("multiplyCodes", other.size(), () -> backend.multiplyCodes(one, codes, other));
        }
    }

    /** Of one of a kind, and another number of another. */
    private static void requireCounts(String verb, int other, Executable call) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(message.startsWith(verb) && message.contains("1 ") && message.contains("" + other), message);
    }

    @Test
    void numbersOutOfRangeAreNamed() {
        Matrix x = matrix(2, 3, DType.F32);
        Matrix numbers = matrix(2, 1, DType.F64);
        assertTrue(assertThrows(IllegalArgumentException.class, () -> backend.keepLargest(x, 4))
                .getMessage()
                .contains("s=4"));
        assertThrows(IllegalArgumentException.class, () -> backend.keepLargest(x, -1));
        assertThrows(IllegalArgumentException.class, () -> backend.keepLargestInGroups(x, 3, 2));
        assertThrows(IllegalArgumentException.class, () -> backend.keepLargestInGroups(x, -1, 2));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> backend.keepLargestInGroups(x, 1, 3))
                .getMessage()
                .contains("group=3"));
        assertThrows(IllegalArgumentException.class, () -> backend.negativeLogLikelihood(x, new int[] {0, 3}, numbers));
        assertThrows(IllegalArgumentException.class, () -> backend.sample(x, new double[] {0, 1}, numbers));
        assertThrows(IllegalArgumentException.class, () -> backend.sample(x, new double[] {0, Double.NaN}, numbers));
        assertThrows(
                IllegalArgumentException.class, () -> backend.gatherRows(x, new int[] {2}, matrix(1, 3, DType.F32)));
        assertThrows(IllegalArgumentException.class, () -> backend.allocate(-1, 2, DType.F32));
        assertThrows(IllegalArgumentException.class, () -> backend.allocate(1, 2, DType.BF16));
        assertThrows(IllegalArgumentException.class, () -> backend.argmax(matrix(2, 0, DType.F32), numbers));
    }
}
