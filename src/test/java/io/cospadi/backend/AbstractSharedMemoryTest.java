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

    @Test
    void cachesLieApartFromWhatIsAppended() {
        Matrix tables = single(9, 1);
        Matrix[] own = {single(2, 4), single(2, 2), single(2, 2), single(6, 2), single(6, 2)};
        Matrix keys = own[3].rows(1, 2);
        Matrix values = own[4].rows(1, 2);
        refused(
                "rotateAndAppend",
                "keys of the cache",
                () -> backend.rotateAndAppend(own[0], keys, own[2], tables, tables, own[3], own[4], 3));
        refused(
                "rotateAndAppend",
                "values of the cache",
                () -> backend.rotateAndAppend(own[0], own[1], values, tables, tables, own[3], own[4], 3));
    }
}
