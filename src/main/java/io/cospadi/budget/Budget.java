package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Function;

/** Shares one ratio out over the projections of a model. The order of the result is that of the projections given. */
public final class Budget {
    private Budget() {}

    /** Bounds on one projection's own ratio where the ratio is shared out unevenly. */
    public record Limits(double floor, double ceiling) {
        public Limits {
            if (!(0 <= floor && floor <= ceiling && ceiling < 1)) {
                throw new IllegalArgumentException(
                        "need 0 <= floor <= ceiling < 1, got floor " + floor + " and ceiling " + ceiling);
            }
        }

        /** A projection may stay dense; none gives up more than 0.6, or twice the ratio where that is more, or 0.9. */
        public static Limits of(double ratio) {
            return new Limits(0, Math.min(0.9, Math.max(0.6, 2 * ratio)));
        }
    }

    /**
     * Each projection gets the largest factors whose bytes meet the ratio; where none do, it stays dense.
     *
     * @param ratio share of the bytes to save, {@code 0 <= ratio < 1}
     */
    public static List<Allocation> uniform(Collection<Projection> projections, double ratio, Storage storage) {
        requireRatio(ratio);
        return projections.stream()
                .map(projection -> LargestFit.of(projection, ratio, storage))
                .toList();
    }

    /**
     * The largest factors that a budget which divides a total may choose for a group, short of keeping it dense.
     *
     * @return as {@link #together}
     */
    public static List<Allocation> largest(List<Projection> group, Storage storage) {
        return LargestFit.of(group, LeastLoss.STEP, storage);
    }

    /**
     * A group gets the largest factors whose bytes, with what it shares counted once, meet the ratio; where none do, its
     * members stay dense.
     *
     * @param group projections of one shape; one alone shares nothing
     * @return one for each member; their bytes add up to the group's
     */
    public static List<Allocation> together(List<Projection> group, double ratio, Storage storage) {
        requireRatio(ratio);
        return LargestFit.of(group, ratio, storage);
    }

    /**
     * COMPOT's rule. The singular values of each whitened weight, divided by their own root sum of squares, are pooled and
     * sorted; the m largest are kept. A projection of which r are kept gets the ratio {@code 1 − r (d1 + d2) / (d1 d2)} within
     * the limits, and stays dense where that is 0. m is the largest for which the total of stored bytes meets the ratio.
     *
     * @param singularValues of the whitened weight of a projection, in any order; asked once for each
     * @throws IllegalArgumentException if the ceiling is below the ratio, so that the total could not meet it
     */
    public static List<Allocation> pooled(
            Collection<Projection> projections,
            double ratio,
            Storage storage,
            Limits limits,
            Function<Projection, double[]> singularValues) {
        requireRatio(ratio);
        if (limits.ceiling() < ratio) {
            throw new IllegalArgumentException(
                    "no projection may give up more than " + limits.ceiling() + ", yet all together should " + ratio);
        }
        Map<Projection, double[]> spectra = new LinkedHashMap<>();
        for (Projection projection : projections) {
            spectra.put(projection, normalised(singularValues.apply(projection)));
        }
        double[] pool = spectra.values().stream()
                .flatMapToDouble(Arrays::stream)
                .sorted()
                .toArray();
        int low = 0; // keep none: every projection at the ceiling
        int high = pool.length;
        List<Allocation> best = cut(spectra, Double.POSITIVE_INFINITY, storage, limits);
        while (low < high) {
            int kept = (int) (((long) low + high + 1) / 2);
            List<Allocation> candidate = cut(spectra, pool[pool.length - kept], storage, limits);
            if (Capacity.meets(bytes(candidate), denseBytes(candidate), ratio)) {
                best = candidate;
                low = kept;
            } else {
                high = kept - 1;
            }
        }
        return best;
    }

    /**
     * The loss-aware rule: the sizes whose predicted rise of the loss, summed over projections, is least among those whose
     * total meets the ratio. It exceeds the ratio by less than a 256th of one projection, or group.
     *
     * @param curves predicted loss of each group that shares a dictionary, or projection alone; of one shape in a group
     * @return the members of the first, then those of the next, each with its part of the predicted rise
     * @throws IllegalArgumentException if the limits' ceiling is below the ratio, or a total at the ceiling can't meet it
     */
    public static List<Allocation> leastLoss(
            Map<List<Projection>, LossCurve> curves, double ratio, Storage storage, Limits limits) {
        requireRatio(ratio);
        return new LeastLoss(curves, storage, limits).meeting(ratio);
    }

    /**
     * Zero-Sum SVD's rule: the weakest components of all projections' whitened weights go, one after another, each time the one
     * of least change of the loss among those that take the sum of all changes back towards zero.
     *
     * @param changes of the loss, to first order, if a component goes; strongest component first
     * @return in the order of {@code changes}
     * @throws IllegalArgumentException if a total at the limits' ceiling can't meet the ratio
     */
    public static List<Allocation> zeroSum(Map<Projection, double[]> changes, double ratio, Limits limits) {
        requireRatio(ratio);
        return ZeroSum.meeting(changes, ratio, limits.ceiling());
    }

    /** The rise of the loss that all together are predicted to bring; empty where the budget followed something else. */
    public static OptionalDouble predictedLoss(Collection<Allocation> allocations) {
        return allocations.stream()
                        .anyMatch(allocation -> allocation.predictedLoss().isPresent())
                ? OptionalDouble.of(allocations.stream()
                        .mapToDouble(allocation -> allocation.predictedLoss().orElse(0))
                        .sum())
                : OptionalDouble.empty();
    }

    private static List<Allocation> cut(
            Map<Projection, double[]> spectra, double threshold, Storage storage, Limits limits) {
        List<Allocation> allocations = new ArrayList<>(spectra.size());
        spectra.forEach((projection, values) -> {
            double d1 = projection.d1();
            double d2 = projection.d2();
            long r = Arrays.stream(values).filter(value -> value >= threshold).count();
            double own = Math.min(limits.ceiling(), Math.max(limits.floor(), 1 - r * (d1 + d2) / (d1 * d2)));
            allocations.add(own > 0 ? LargestFit.of(projection, own, storage) : Allocation.dense(projection));
        });
        return allocations;
    }

    private static double[] normalised(double[] values) {
        double energy = Arrays.stream(values).map(value -> value * value).sum();
        return energy > 0
                ? Arrays.stream(values).map(value -> value / Math.sqrt(energy)).toArray()
                : values.clone();
    }

    /** Bytes of all tensors that stand for the projections. */
    public static long bytes(Collection<Allocation> allocations) {
        return allocations.stream().mapToLong(Allocation::bytes).sum();
    }

    /** Bytes of the same projections dense at 16 bits. */
    public static long denseBytes(Collection<Allocation> allocations) {
        return allocations.stream()
                .mapToLong(allocation -> Allocation.denseBytes(allocation.projection()))
                .sum();
    }

    /** Share saved of the dense bytes at 16 bits. */
    public static double ratio(Collection<Allocation> allocations) {
        long dense = denseBytes(allocations);
        return (dense - bytes(allocations)) / (double) dense; // as of one: a ratio met exactly reads as what was asked
    }

    private static void requireRatio(double ratio) {
        if (!(ratio >= 0 && ratio < 1)) {
            throw new IllegalArgumentException("a ratio is at least 0 and less than 1, got " + ratio);
        }
    }
}
