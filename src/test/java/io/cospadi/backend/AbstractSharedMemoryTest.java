package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What a verb writes shares no memory with what it reads: each such call is refused by the verb itself, before anything is written. */
abstract class AbstractSharedMemoryTest extends AbstractBackendTest {
    /** Four rows over four atoms. */
    private static final Codes CODES = new Codes(4, 4, 1, new int[] {0, 1, 2, 3}, new float[] {1, 2, 3, 4});

    private static void refused(String verb, String what, Executable call) {
        String message = assertThrows(IllegalArgumentException.class, call, verb + ": " + what)
                .getMessage();
        assertTrue(message.startsWith(verb + " needs ") && message.contains("shares no memory"), message);
    }

    private Matrix single(int rows, int cols) {
        return matrix(rows, cols, DType.F32);
    }

    @Test
    void copiesLieApart() {
        Matrix whole = single(6, 3);
        refused("copy", "a row of both", () -> backend.copy(whole.rows(0, 3), whole.rows(2, 3)));
        backend.copy(whole.rows(0, 3), whole.rows(3, 3));
    }

    @Test
    void productsLieApartFromTheirFactors() {
        Matrix square = single(4, 4);
        Matrix other = single(4, 4);
        refused("gemm", "a", () -> backend.gemm(1, square, false, other, false, 0, square));
        refused("gemm", "b", () -> backend.gemm(1, other, false, square, false, 0, square));
        List<Matrix> result = List.of(square);
        refused("multiplyWeights", "x", () -> backend.multiplyWeights(square, List.of(other), result));
        refused("multiplyWeights", "a weight", () -> backend.multiplyWeights(other, List.of(square), result));
        Matrix x = single(4, 4);
        List<Matrix> weights = List.of(other, square);
        refused(
                "multiplyWeights",
                "another one's weight",
                () -> backend.multiplyWeights(x, weights, List.of(square, single(4, 4))));
    }

    @Test
    void productsOfOneCallLieApartFromEachOther() {
        Matrix x = single(2, 4);
        List<Matrix> weights = List.of(single(4, 4), single(4, 4), single(4, 4));
        SparseMatrix codes = closing(backend.upload(CODES));
        List<Matrix> z = List.of(x, single(2, 4), x);
        Matrix whole = single(6, 4);
        List<Matrix> apart = List.of(whole.rows(0, 2), whole.rows(2, 2), whole.rows(4, 2));
        backend.multiplyWeights(x, weights, apart);
        backend.multiplyCodes(z, List.of(codes, codes, codes), apart);
        List<Matrix> twice = List.of(whole.rows(0, 2), single(2, 4), whole.rows(1, 2));
        refused("multiplyWeights", "a row of two", () -> backend.multiplyWeights(x, weights, twice));
        refused("multiplyCodes", "a row of two", () -> backend.multiplyCodes(z, List.of(codes, codes, codes), twice));
        for (int at = 0; at < 2; at++) {
            Matrix later = z.get(at);
            List<Matrix> out = at == 0 ? List.of(single(2, 4), later) : List.of(later, single(2, 4));
            refused(
                    "multiplyCodes",
                    "another one's z",
                    () -> backend.multiplyCodes(z.subList(0, 2), List.of(codes, codes), out));
        }
    }

    @Test
    void productsWithCodesLieApartFromTheirFactors() {
        SparseMatrix codes = closing(backend.upload(CODES));
        Matrix square = single(4, 4);
        Matrix other = single(4, 4);
        refused("multiplyCodes", "z", () -> backend.multiplyCodes(square, codes, square));
        refused(
                "multiplyCodes",
                "z in a list",
                () -> backend.multiplyCodes(List.of(square), List.of(codes), List.of(square)));
        refused("multiplyRebuilt", "x", () -> backend.multiplyRebuilt(square, other, codes, false, square));
        refused("multiplyRebuilt", "dictionary", () -> backend.multiplyRebuilt(other, square, codes, false, square));
    }

    /** Tables can't share anything with the others, whose rows are wider. */
    @Test
    void whatIsTurnedAndAppendedLiesApart() {
        String[] names = {"queries", "keys", "values", "keyCache", "valueCache"};
        Matrix[] own = {single(2, 2), single(2, 2), single(2, 2), single(6, 2), single(6, 2)};
        append(own);
        for (int i = 0; i < own.length; i++) {
            for (int j = 0; j < i; j++) {
                Matrix[] shared = own.clone();
                shared[j] = own[i].rows(own[i].rows() - own[j].rows(), own[j].rows());
                refused("rotateAndAppend", names[j] + " in " + names[i], () -> append(shared));
            }
        }
    }

    private void append(Matrix... operands) {
        Matrix tables = single(6, 1);
        backend.rotateAndAppend(operands[0], operands[1], operands[2], tables, tables, operands[3], operands[4], 2);
    }
}
