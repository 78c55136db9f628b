package io.cospadi.budget;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZeroSumTest {
    private static Map<Projection, double[]> model(int layers, long seed) {
        Random random = new Random(seed);
        Map<Projection, double[]> changes = new LinkedHashMap<>();
        for (int layer = 0; layer < layers; layer++) {
            for (ProjectionType type : ProjectionType.values()) {
                int d1 = type == ProjectionType.DOWN ? 96 : 64;
                int d2 = type == ProjectionType.GATE || type == ProjectionType.UP ? 96 : 64;
                double[] own = new double[Math.min(d1, d2)];
                double size = Math.exp(2 * random.nextGaussian());
                for (int i = 0; i < own.length; i++) {
                    own[i] = size * random.nextGaussian() * Math.exp(-i / 10.0);
                }
                changes.put(new Projection(layer, type, d1, d2), own);
            }
        }
        return changes;
    }

    /** The rule as it is told, over plain lists, looking at every projection for every component. */
    private static Map<Projection, Integer> ranks(Map<Projection, double[]> changes, double ratio) {
        Map<Projection, Integer> ranks = new LinkedHashMap<>();
        changes.forEach((p, own) -> ranks.put(p, own.length));
        double sum = 0;
        while (bytes(ranks) > (1 - ratio) * dense(ranks)) {
            Projection best = null;
            for (boolean wanted : new boolean[] {true, false}) {
                for (Projection p : changes.keySet()) {
                    double next = changes.get(p)[ranks.get(p) - 1];
                    boolean helps = sum > 0 ? next < 0 : next >= 0;
                    if (ranks.get(p) > 1
                            && helps == wanted
                            && (best == null || Math.abs(next) < Math.abs(changes.get(best)[ranks.get(best) - 1]))) {
                        best = p;
                    }
                }
                if (best != null) {
                    break;
                }
            }
            sum += changes.get(best)[ranks.get(best) - 1];
            ranks.merge(best, -1, Integer::sum);
        }
        return ranks;
    }

    private static double bytes(Map<Projection, Integer> ranks) {
        return ranks.entrySet().stream()
                .mapToDouble(own -> bytes(own.getKey(), own.getValue()))
                .sum();
    }

    private static double bytes(Projection p, int rank) {
        return Math.min(2.0 * p.d1() * p.d2(), 2.0 * rank * (p.d1() + p.d2()));
    }

    private static double dense(Map<Projection, Integer> ranks) {
        return ranks.keySet().stream().mapToDouble(p -> 2.0 * p.d1() * p.d2()).sum();
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.2, 0.4, 0.6})
    void ranksAreThoseOfTheRuleAsItIsTold(double ratio) {
        for (long seed = 0; seed < 5; seed++) {
            Map<Projection, double[]> changes = model(4, seed);
            List<Allocation> found = Budget.zeroSum(changes, ratio, new Budget.Limits(0, 0.97));
            List<Integer> expected = new ArrayList<>();
            ranks(changes, ratio)
                    .forEach((p, rank) -> expected.add(bytes(p, rank) == 2.0 * p.d1() * p.d2() ? 0 : rank));
            assertEquals(expected, found.stream().map(Allocation::k).toList(), "seed " + seed);
            assertEquals(
                    List.copyOf(changes.keySet()),
                    found.stream().map(Allocation::projection).toList());
            double own = Budget.ratio(found);
            assertTrue(own >= ratio && own < ratio + 0.002, own + " for " + ratio);
        }
    }

    @Test
    void noProjectionFallsBelowTheCeilingAndWhatCannotBeMetIsRefused() {
        Map<Projection, double[]> changes = model(4, 1);
        for (Allocation allocation : Budget.zeroSum(changes, 0.3, new Budget.Limits(0, 0.4))) {
            assertTrue(allocation.ratio() <= 0.42, allocation.toString());
        }
        String message = assertThrows(
                        IllegalArgumentException.class, () -> Budget.zeroSum(changes, 0.5, new Budget.Limits(0, 0.4)))
                .getMessage();
        assertTrue(message.contains("too many for the ratio 0.5"), message);
    }
}
