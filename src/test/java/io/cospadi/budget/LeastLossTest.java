package io.cospadi.budget;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.factorization.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LeastLossTest {
    private static final double[] RATIOS = {0.1, 0.25, 0.45};

    /** The projections of SmolLM2-135M, with losses over three decades that grow with the ratio. */
    private static Map<Projection, LossCurve> model(long seed) {
        Random random = new Random(seed);
        Map<Projection, LossCurve> curves = new LinkedHashMap<>();
        for (int layer = 0; layer < 30; layer++) {
            for (ProjectionType type : ProjectionType.values()) {
                int d1 = type == ProjectionType.DOWN ? 1536 : 576;
                int d2 =
                        switch (type) {
                            case K, V -> 192;
                            case UP, GATE -> 1536;
                            default -> 576;
                        };
                double loss = 1e-6 * Math.pow(10, 3 * random.nextDouble());
                double growth = 5 + 10 * random.nextDouble();
                curves.put(new Projection(layer, type, d1, d2), curve(loss, growth));
            }
        }
        return curves;
    }

    /** Each a choice of its own. */
    private static Map<List<Projection>, LossCurve> alone(Map<Projection, LossCurve> curves) {
        Map<List<Projection>, LossCurve> alone = new LinkedHashMap<>();
        curves.forEach((projection, curve) -> alone.put(List.of(projection), curve));
        return alone;
    }

    private static LossCurve curve(double loss, double growth) {
        double[] losses = new double[RATIOS.length];
        for (int i = 0; i < losses.length; i++) {
            losses[i] = loss * Math.exp(growth * RATIOS[i]);
        }
        return new LossCurve(RATIOS, losses);
    }

    private static double predicted(Map<Projection, LossCurve> curves, List<Allocation> allocations) {
        return allocations.stream()
                .mapToDouble(a -> curves.get(a.projection()).at(a.ratio()))
                .sum();
    }

    private static double ratio(List<Allocation> allocations) {
        return 1 - Budget.bytes(allocations) / (double) Budget.denseBytes(allocations);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.2, 0.3, 0.4, 0.7})
    void totalMeetsTheRatioFromAboveByLessThanAThousandth(double ratio) {
        for (Method method : new Method[] {Method.COSPADI, Method.COMPOT, Method.SVD_LLM}) {
            Map<Projection, LossCurve> curves = model(1);
            List<Allocation> allocations =
                    Budget.leastLoss(alone(curves), ratio, Storage.of(method), Budget.Limits.of(ratio));
            assertEquals(
                    List.copyOf(curves.keySet()),
                    allocations.stream().map(Allocation::projection).toList());
            double found = ratio(allocations);
            assertTrue(found >= ratio && found < ratio + 1e-3, method + ": " + found + " for " + ratio);
            assertEquals(
                    predicted(curves, allocations),
                    Budget.predictedLoss(allocations).getAsDouble(),
                    1e-12 * predicted(curves, allocations));
            double ceiling = Budget.Limits.of(ratio).ceiling();
            assertTrue(allocations.stream().allMatch(a -> a.ratio() <= ceiling + 0.02), method + " over the ceiling");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Method.class,
            names = {"COSPADI", "SVD_LLM"})
    void predictsLessLossThanTheUniformBudgetAndThanAnyPairOfSmallMoves(Method method) {
        Map<Projection, LossCurve> curves = model(2);
        List<Allocation> uniform = Budget.uniform(curves.keySet(), 0.2, Storage.of(method));
        List<Allocation> best = Budget.leastLoss(alone(curves), 0.2, Storage.of(method), Budget.Limits.of(0.2));
        double least = predicted(curves, best);
        assertTrue(least < 0.9 * predicted(curves, uniform), least + " against " + predicted(curves, uniform));
        // moving the bytes of 1 % of one projection to another gains nothing worth having: the rest left over and the
        // grid
        double slack = 1e-3 * least;
        for (Allocation smaller : best) {
            for (Allocation larger : best) {
                if (smaller.isDense() || larger.isDense() || smaller == larger) {
                    continue;
                }
                double bytes = 0.01 * Allocation.denseBytes(smaller.projection());
                double own = smaller.ratio() + 0.01;
                double other = larger.ratio() - bytes / Allocation.denseBytes(larger.projection());
                if (own > 0.6 || other <= 0) {
                    continue;
                }
                double change = curves.get(smaller.projection()).at(own)
                        - curves.get(smaller.projection()).at(smaller.ratio())
                        + curves.get(larger.projection()).at(other)
                        - curves.get(larger.projection()).at(larger.ratio());
                assertTrue(change > -slack, "gains " + -change + " of " + least);
            }
        }
    }

    /**
     * No choice of sizes can be better than the Lagrangian bound: for every price, the sum of each projection's cheapest loss plus
     * bytes at that price, less the price of all bytes allowed. Its sizes are continuous here, finer than any that can be stored.
     */
    @ParameterizedTest
    @ValueSource(longs = {2, 5, 6})
    void isWithinAHundredthOfWhatAnySizesCouldReach(long seed) {
        Map<Projection, LossCurve> curves = model(seed);
        double found = predicted(
                curves, Budget.leastLoss(alone(curves), 0.2, Storage.of(Method.COSPADI), Budget.Limits.of(0.2)));
        double bound = 0;
        for (double logPrice = -30; logPrice < -10; logPrice += 0.02) {
            bound = Math.max(bound, bound(curves, 0.2, 0.6, Math.exp(logPrice)));
        }
        assertTrue(bound > 0 && found <= 1.01 * bound, found + " against " + bound);
    }

    /** Pairs of layers share; the members of a pair get one size, counted once, and the total still just meets the ratio. */
    @ParameterizedTest
    @ValueSource(doubles = {0.2, 0.4})
    void groupIsOneChoice(double ratio) {
        Map<List<Projection>, LossCurve> curves = new LinkedHashMap<>();
        Map<Projection, LossCurve> single = model(3);
        List<Projection> all = List.copyOf(single.keySet());
        int types = ProjectionType.values().length;
        for (int i = 0; i < all.size(); i++) {
            if (i / types % 2 == 0) {
                curves.put(List.of(all.get(i), all.get(i + types)), single.get(all.get(i)));
            }
        }
        List<Allocation> best = Budget.leastLoss(curves, ratio, Storage.of(Method.COSPADI), Budget.Limits.of(ratio));
        assertEquals(
                curves.keySet().stream().flatMap(List::stream).toList(),
                best.stream().map(Allocation::projection).toList());
        for (int i = 0; i < best.size(); i += 2) {
            Allocation first = best.get(i);
            Allocation second = best.get(i + 1);
            assertEquals(List.of(first.k(), first.s()), List.of(second.k(), second.s()));
            assertEquals(first.group(), second.group());
            assertEquals(first.isDense(), first.group().isEmpty());
            if (!first.isDense()) {
                Projection p = first.projection();
                int k = first.k();
                int s = first.s();
                long bytes = 2L * k * p.d1() + 2L * p.d2() * ((14L * s + 7) / 8 + (k + 7L) / 8);
                assertEquals(bytes, first.bytes() + second.bytes());
            }
        }
        assertTrue(ratio(best) >= ratio && ratio(best) < ratio + 1e-3, ratio(best) + " for " + ratio);
    }

    private static double bound(Map<Projection, LossCurve> curves, double ratio, double ceiling, double price) {
        double sum = 0;
        for (Map.Entry<Projection, LossCurve> entry : curves.entrySet()) {
            double dense = Allocation.denseBytes(entry.getKey());
            double cheapest = price * dense;
            for (double own = 0.001; own <= ceiling; own += 0.001) {
                cheapest = Math.min(cheapest, entry.getValue().at(own) + price * (1 - own) * dense);
            }
            sum += cheapest - price * (1 - ratio) * dense;
        }
        return sum;
    }

    @Test
    void curveIsLogLinearBetweenAndBeyondItsPoints() {
        LossCurve curve = new LossCurve(RATIOS, new double[] {1e-4, 1e-3, 1e-2});
        assertEquals(1e-4, curve.at(0.1), 1e-16);
        assertEquals(Math.sqrt(1e-7), curve.at(0.175), 1e-15);
        assertEquals(1e-2 * Math.pow(10, 0.15 / 0.2), curve.at(0.6), 1e-14);
        assertEquals(1e-4 * Math.pow(10, -0.05 / 0.15), curve.at(0.05), 1e-16);
        assertEquals(0, curve.at(0));
    }

    @Test
    void curvesWithoutMeaningAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new LossCurve(new double[] {0.1}, new double[] {1}));
        assertThrows(IllegalArgumentException.class, () -> new LossCurve(new double[] {0.2, 0.1}, new double[] {1, 2}));
        assertThrows(
                IllegalArgumentException.class, () -> new LossCurve(new double[] {0.1, 0.2}, new double[] {1, -1}));
        assertThrows(
                IllegalArgumentException.class,
                () -> new LossCurve(new double[] {0.1, 0.2}, new double[] {1, Double.NaN}));
    }

    @Test
    void ratioAboveTheCeilingIsRefused() {
        Map<Projection, LossCurve> curves = model(4);
        assertThrows(
                IllegalArgumentException.class,
                () -> Budget.leastLoss(alone(curves), 0.5, Storage.of(Method.COSPADI), new Budget.Limits(0, 0.4)));
    }
}
