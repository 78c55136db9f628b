package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The rule against multiply-adds counted one by one, and against the figures that its documentation gives. */
class CrossoverTest {
    /** What {@code (rows, inner) · (inner, cols)} takes, by loops that do nothing but count. */
    private static double counted(int rows, int inner, int cols, double cost) {
        double sum = 0;
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < cols; j++) {
                for (int l = 0; l < inner; l++) {
                    sum += cost;
                }
            }
        }
        return sum;
    }

    @Test
    void theCheaperOrderIsTaken() {
        int weighed = 0;
        for (int[] shape : new int[][] {{3, 5, 2}, {5, 3, 2}, {4, 4, 3}, {4, 4, 7}, {2, 9, 5}, {9, 2, 5}}) {
            int d1 = shape[0];
            int d2 = shape[1];
            int k = shape[2];
            for (double[] costs : new double[][] {{1, 1}, {1, 5}, {5, 5}}) {
                Crossover rule = new Crossover(d1, d2, k, costs[0], costs[1]);
                for (int n = 0; n < 40; n++) {
                    double factored = counted(n, d1, k, costs[0]) + counted(n, k, d2, 1);
                    double rebuilt = counted(d1, k, d2, costs[0]) + counted(n, d1, d2, costs[1]);
                    assertEquals(rebuilt < factored, rule.rebuilds(n), rule + ", " + n + " tokens");
                    weighed += rebuilt < factored ? 1 : 0;
                }
            }
        }
        assertTrue(weighed > 50, "both orders occur, one only " + weighed + " times");
    }

    @Test
    void documentedFiguresHold() {
        assertFalse(new Crossover(576, 1536, 526, 1, 1).rebuilds(2057));
        assertTrue(new Crossover(576, 1536, 526, 1, 1).rebuilds(2058));
        assertFalse(new Crossover(576, 1536, 1628, 1, 1).rebuilds(564));
        assertTrue(new Crossover(576, 1536, 1628, 1, 1).rebuilds(565));
        assertFalse(new Crossover(576, 576, 288, 1, 1).rebuilds(Integer.MAX_VALUE));
        assertTrue(new Crossover(576, 576, 289, 1, 1).rebuilds(Integer.MAX_VALUE));
    }

    /** Where codes and dictionary are multiplied five times as fast as a weight in f32, factors that save memory stay factors. */
    @Test
    void fastFactorsStayFactors() {
        assertFalse(new Crossover(4096, 14336, 4170, 1, 5).rebuilds(Integer.MAX_VALUE));
        assertFalse(new Crossover(14336, 4096, 2866, 1, 5).rebuilds(Integer.MAX_VALUE));
        assertFalse(new Crossover(4096, 4096, 4096, 1, 5).rebuilds(Integer.MAX_VALUE));
    }
}
