package io.cospadi.budget;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.factorization.FactorShape;
import io.cospadi.factorization.Method;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BudgetTest {
    private static Projection projection(int d1, int d2) {
        return new Projection(0, ProjectionType.UP, d1, d2);
    }

    private static Allocation uniform(int d1, int d2, double ratio, Method method) {
        return Budget.uniform(List.of(projection(d1, d2)), ratio, Storage.of(method))
                .get(0);
    }

    @Test
    void papersExampleComesOutOfBothFormulas() {
        assertEquals(new PaperFormulas.Size(3932, 1966), PaperFormulas.fourteenBit(4096, 12288, 0.2, 2));
        assertEquals(new PaperFormulas.Size(3657, 1828), PaperFormulas.full(4096, 12288, 0.2, 2));
        assertEquals(2457, PaperFormulas.lowRank(4096, 12288, 0.2));
    }

    @Test
    void sizesOfSmolLm2AreThoseThatItsBarsNeed() {
        assertSize(307, 153, uniform(576, 576, 0.2, Method.COSPADI));
        assertSize(131, 65, uniform(576, 192, 0.2, Method.COSPADI));
        assertSize(526, 263, uniform(576, 1536, 0.2, Method.COSPADI));
        assertEquals(230, uniform(576, 576, 0.2, Method.SVD_LLM).k());
    }

    private static void assertSize(int k, int s, Allocation allocation) {
        assertEquals(k, allocation.k());
        assertEquals(s, allocation.s());
    }

    @Property(tries = 300)
    void uniformIsTheLargestThatMeetsTheRatio(
            @ForAll @IntRange(min = 1, max = 700) int d1,
            @ForAll @IntRange(min = 1, max = 700) int d2,
            @ForAll @DoubleRange(min = 0, max = 0.95) double ratio) {
        Allocation allocation = uniform(d1, d2, ratio, Method.COSPADI);
        if (allocation.isDense()) {
            assertTrue(new FactorShape(d1, d2, 2, 1).compressionRatio() < ratio);
            return;
        }
        FactorShape shape = new FactorShape(d1, d2, allocation.k(), allocation.s());
        assertEquals(shape.bytesOnDisk(), allocation.bytes());
        assertEquals(allocation.k() / 2, allocation.s());
        assertTrue(allocation.ratio() >= ratio);
        FactorShape next = new FactorShape(d1, d2, allocation.k() + 1, (allocation.k() + 1) / 2);
        assertTrue(next.compressionRatio() < ratio, next + " would fit too");
    }

    @Property(tries = 200)
    void orthonormalDictionaryNeverExceedsItsSpaceAndUsesTheRestForCodes(
            @ForAll @IntRange(min = 8, max = 300) int d1,
            @ForAll @IntRange(min = 8, max = 3000) int d2,
            @ForAll @DoubleRange(min = 0.05, max = 0.5) double ratio) {
        Allocation allocation = uniform(d1, d2, ratio, Method.COMPOT);
        if (allocation.isDense()) {
            return;
        }
        assertTrue(allocation.k() <= Math.min(d1, d2));
        assertTrue(allocation.ratio() >= ratio);
        if (uniform(d1, d2, ratio, Method.COSPADI).k() > d1 && allocation.s() < d1) {
            FactorShape next = new FactorShape(d1, d2, d1, allocation.s() + 1);
            assertTrue(next.compressionRatio() < ratio);
        }
    }

    @Test
    void ratioThatIsMetExactlyCounts() {
        // 100 x 100 low rank: 400 bytes a rank of 20000, so rank 40 saves exactly 0.2
        assertEquals(40, uniform(100, 100, 0.2, Method.SVD).k());
        assertTrue(Capacity.meets(14, 20, 0.3));
        assertFalse(Capacity.meets(15, 20, 0.3));
    }

    @Test
    void projectionTooSmallForAnyFactorsStaysDense() {
        Allocation allocation = uniform(2, 2, 0.5, Method.COSPADI);
        assertTrue(allocation.isDense());
        assertEquals(8, allocation.bytes());
        assertEquals(0, allocation.ratio());
    }

    @Test
    void pooledMeetsTheRatioInTotalAndNotBelow() {
        Random random = new Random(1);
        List<Projection> projections = List.of(
                new Projection(0, ProjectionType.Q, 96, 96),
                new Projection(0, ProjectionType.K, 96, 32),
                new Projection(0, ProjectionType.UP, 96, 256),
                new Projection(0, ProjectionType.DOWN, 256, 96));
        for (double ratio : new double[] {0.1, 0.2, 0.35, 0.5}) {
            for (Method method : new Method[] {Method.COSPADI, Method.COMPOT, Method.SVD_LLM}) {
                List<Allocation> allocations = Budget.pooled(
                        projections, ratio, Storage.of(method), Budget.Limits.of(ratio), p -> decaying(p, random));
                double total = 1 - Budget.bytes(allocations) / (double) Budget.denseBytes(allocations);
                assertTrue(total >= ratio, method + " at " + ratio + " saves only " + total);
                assertTrue(total < ratio + 0.03, method + " at " + ratio + " saves " + total + ", far more than asked");
            }
        }
    }

    @Test
    void pooledGivesFlatSpectraMoreThanSteepOnes() {
        Projection flat = new Projection(0, ProjectionType.V, 64, 64);
        Projection steep = new Projection(0, ProjectionType.Q, 64, 64);
        List<Allocation> allocations =
                Budget.pooled(List.of(flat, steep), 0.3, Storage.of(Method.COSPADI), Budget.Limits.of(0.3), p -> {
                    double[] values = new double[64];
                    for (int i = 0; i < 64; i++) {
                        values[i] = p == flat ? 7 : Math.pow(0.8, i);
                    }
                    return values;
                });
        assertTrue(allocations.get(0).ratio() < allocations.get(1).ratio());
        assertTrue(allocations.get(1).ratio() <= 0.6 + 0.05, "the ceiling holds up to the granularity of k");
    }

    @Test
    void ceilingBelowTheRatioIsRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> Budget.pooled(
                        List.of(projection(64, 64)), 0.5, Storage.of(Method.COSPADI), new Budget.Limits(0, 0.4), p ->
                                new double[] {1}));
    }

    private static double[] decaying(Projection projection, Random random) {
        double decay = 0.9 + 0.09 * random.nextDouble();
        double[] values = new double[Math.min(projection.d1(), projection.d2())];
        for (int i = 0; i < values.length; i++) {
            values[i] = Math.pow(decay, i);
        }
        return values;
    }

    /** 576 inputs take 72 bytes a bit, and in groups of 128 five scales, 10 bytes; dense rows have 1152. */
    @Test
    void roundedWeightsGetTheMostBitsThatMeetTheRatio() {
        Projection up = projection(576, 1536);
        Storage gptq = new Storage(Method.GPTQ, new Precision(14, 16, 128), MaskGroups.NONE);
        double[] ratios = {0.2, 0.49, 0.5, 0.61, 0.74, 0.742, 0.8};
        int[] bits = {8, 8, 7, 6, 4, 3, 3};
        for (int i = 0; i < bits.length; i++) {
            Allocation allocation = Budget.uniform(List.of(up), ratios[i], gptq).get(0);
            assertEquals(bits[i], allocation.k(), "at " + ratios[i]);
            assertEquals(1536L * (72 * bits[i] + 10), allocation.bytes());
        }
        assertTrue(Budget.uniform(List.of(up), 0.81, gptq).get(0).isDense(), "fewer than 3 bits are not stored");
    }

    @Test
    void atomsAreTheMostWholeGroupsThatMeetTheRatio() {
        for (MaskGroups groups : List.of(MaskGroups.EIGHT_OF_16, MaskGroups.TWO_OF_4)) {
            for (Method method : List.of(Method.COSPADI, Method.COMPOT)) {
                for (double ratio : new double[] {0.1, 0.2, 0.6}) {
                    Projection up = projection(576, 1536);
                    Allocation free = Budget.uniform(List.of(up), ratio, Storage.of(method))
                            .get(0);
                    Allocation own = Budget.uniform(List.of(up), ratio, Storage.of(method, groups))
                            .get(0);
                    assertEquals(free.k() / groups.atoms() * groups.atoms(), own.k(), groups + " at " + ratio);
                    assertEquals(own.k() / 2, own.s());
                    assertEquals(
                            own.k() * 2L * 576 + 1536L * ((14L * own.s() + 7) / 8 + (own.k() + 7) / 8), own.bytes());
                    assertTrue(own.ratio() >= ratio);
                }
            }
            assertTrue(Budget.uniform(List.of(projection(8, 8)), 0.9, Storage.of(Method.COSPADI, groups))
                    .get(0)
                    .isDense());
        }
    }

    @Test
    void factorsOfFewBitsAreTheLargestWhoseBytesWithScalesMeetTheRatio() {
        for (Precision precision : List.of(new Precision(8, 8, 0), new Precision(4, 4, 64), new Precision(3, 16, 32))) {
            for (double ratio : new double[] {0.5, 0.7}) {
                Allocation a = Budget.uniform(
                                List.of(projection(576, 1536)),
                                ratio,
                                new Storage(Method.COSPADI, precision, MaskGroups.NONE))
                        .get(0);
                assertEquals(bytes(a.k(), precision), a.bytes());
                assertTrue(a.ratio() >= ratio);
                assertTrue(bytes(a.k() + 1, precision) > (1 - ratio) * 2 * 576 * 1536, a + " could be larger");
            }
        }
    }

    /** By hand: atoms and rows of codes, each padded to a byte, two bytes a scale, the mask. */
    private static long bytes(int k, Precision p) {
        int s = k / 2;
        int g = p.groupSize();
        long atom = p.dictionaryBits() == 16
                ? 2 * 576
                : (576 * p.dictionaryBits() + 7) / 8 + 2 * (g == 0 ? 1 : (575 + g) / g);
        long codes = (s * p.valueBits() + 7) / 8 + 2 * (g == 0 ? 1 : (s - 1 + g) / g);
        return k * atom + 1536 * (codes + (k + 7) / 8);
    }
}
