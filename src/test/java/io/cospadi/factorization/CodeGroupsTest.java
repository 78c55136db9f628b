package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.HostMatrix;
import io.cospadi.tensor.MaskGroups;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Codes of which every group of neighbouring atoms holds half. */
class CodeGroupsTest {
    private static final SolverSettings BLOCK = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
    private static final SolverSettings COMPOT = SolverSettings.defaults(Method.COMPOT, Solver.BLOCK);

    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    private static void assertHalfOfEveryGroup(Factorization result, MaskGroups groups) {
        Codes codes = ((SparseFactors) result.factors()).codes();
        int[] counts = new int[codes.k() / groups.atoms()];
        int[] half = new int[counts.length];
        Arrays.fill(half, groups.nonzeros());
        for (int i = 0; i < codes.rows(); i++) {
            Arrays.fill(counts, 0);
            for (int p = i * codes.s(); p < (i + 1) * codes.s(); p++) {
                counts[codes.atoms()[p] / groups.atoms()]++;
                assertTrue(p == i * codes.s() || codes.atoms()[p - 1] < codes.atoms()[p], "positions ascend");
            }
            assertArrayEquals(half, counts, "row " + i);
        }
    }

    /** Regular, of a rank below k, with more atoms than inputs; stored in 14 and in 4 bits. */
    @ParameterizedTest
    @EnumSource(
            value = MaskGroups.class,
            names = {"EIGHT_OF_16", "TWO_OF_4"})
    void everyGroupOfARowHoldsHalfAndTheErrorIsTheFactors(MaskGroups groups) {
        for (SolverSettings settings :
                List.of(BLOCK, BLOCK.withPrecision(new Precision(4, 8, 0)), COMPOT, BLOCK.withRounds(0))) {
            for (int[] size : new int[][] {{48, 64, 200}, {48, 40, 10}, {33, 90, 100}}) {
                try (Problems p = Problems.random(backend, size[0], size[1], size[2], 3, 5)) {
                    Factorization result = Factorizer.of(settings.withGroups(groups))
                            .factorize(backend, p.problem, 32, 16, RoundListener.NONE);
                    assertHalfOfEveryGroup(result, groups);
                    double expected = p.error(result.factors());
                    assertEquals(expected, result.relativeError(), 1e-9 + 1e-8 * expected);
                    assertTrue(expected < 1, settings + ": " + expected);
                }
            }
        }
    }

    /** What groups of 16 may hold is more than what groups of 4 may, and less than anything. */
    @Test
    void smallerGroupsCostMoreAndRoundsGainInAll() {
        try (Problems p = Problems.random(backend, 64, 128, 400, 3, 6)) {
            double last = 0;
            for (MaskGroups groups : List.of(MaskGroups.NONE, MaskGroups.EIGHT_OF_16, MaskGroups.TWO_OF_4)) {
                double error = error(BLOCK.withGroups(groups), p);
                double start = error(BLOCK.withGroups(groups).withRounds(0), p);
                assertTrue(error > last, groups + ": " + error + " after " + last);
                assertTrue(error < 0.9 * start, groups + ": " + error + " from " + start);
                last = error;
            }
        }
    }

    private double error(SolverSettings settings, Problems p) {
        return Factorizer.of(settings)
                .factorize(backend, p.problem, 48, 24, RoundListener.NONE)
                .relativeError();
    }

    @Test
    void membersOfAGroupThatSharesADictionaryKeepToItUnderTheirOwnGrams() {
        try (Problems p = Problems.random(backend, 32, 40, 100, 3, 7);
                Problems q = Problems.random(backend, 32, 40, 100, 3, 8)) {
            for (ShareObjective objective : ShareObjective.values()) {
                new GroupFactorizer(BLOCK.withGroups(MaskGroups.EIGHT_OF_16), objective)
                        .factorize(backend, List.of(p.problem, q.problem), 32, 16, RoundListener.NONE)
                        .forEach(part -> assertHalfOfEveryGroup(part, MaskGroups.EIGHT_OF_16));
            }
        }
    }

    @Test
    void everyGroupBeginsWithItsShareOfTheStrongestAxes() {
        assertArrayEquals(
                new int[] {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11},
                Sparsity.of(12, 6, MaskGroups.TWO_OF_4).order(12));
        assertArrayEquals(
                new int[] {0, 2, 4, 1, 3},
                Sparsity.of(12, 6, MaskGroups.TWO_OF_4).order(5));
        assertArrayEquals(
                new int[] {0, 1, 2, 3, 4}, Sparsity.of(12, 6, MaskGroups.NONE).order(5));
    }

    @Test
    void whatAGroupLacksIsFilledUpInIt() {
        HostMatrix dense = new HostMatrix(1, 8);
        dense.data()[1] = 3;
        dense.data()[6] = -1;
        dense.data()[7] = 2;
        Codes codes = Sparsity.of(8, 4, MaskGroups.TWO_OF_4).stored(backend, dense, dense);
        assertArrayEquals(new int[] {0, 1, 6, 7}, codes.atoms());
        assertArrayEquals(new float[] {0, 3, -1, 2}, codes.values());
        dense.data()[5] = 1;
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Sparsity.of(8, 4, MaskGroups.TWO_OF_4)
                        .stored(backend, dense, dense))
                .getMessage()
                .contains("holds 3 codes in atoms 4 to 7"));
    }

    @Test
    void sizesAndSolversThatGroupsDoNotFitAreRefused() {
        try (Problems p = Problems.random(backend, 48, 64, 100, 3, 9)) {
            SolverSettings grouped = BLOCK.withGroups(MaskGroups.EIGHT_OF_16);
            for (int[] size : new int[][] {{24, 12}, {32, 15}}) {
                assertTrue(assertThrows(IllegalArgumentException.class, () -> Factorizer.of(grouped)
                                .factorize(backend, p.problem, size[0], size[1], RoundListener.NONE))
                        .getMessage()
                        .contains("k=" + size[0] + ", s=" + size[1]));
            }
        }
        assertThrows(IllegalArgumentException.class, () -> SolverSettings.defaults(Method.COSPADI, Solver.KSVD)
                .withGroups(MaskGroups.TWO_OF_4));
        assertThrows(IllegalArgumentException.class, () -> SolverSettings.defaults(Method.SVD_LLM, Solver.BLOCK)
                .withGroups(MaskGroups.TWO_OF_4));
    }
}
