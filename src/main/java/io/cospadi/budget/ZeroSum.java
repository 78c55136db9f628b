package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.LowRankShape;
import io.cospadi.factorization.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Zero-Sum SVD's rule. Every projection begins with all components of its whitened weight and offers the weakest that it still
 * has; dropping one changes the loss, to first order, by a signed amount. The next to go is the one of least amount among those
 * whose sign takes the running sum back towards zero, until the stored bytes meet the ratio. A projection that never falls below
 * the rank at which factors are smaller than the weight stays dense.
 *
 * @see <a href="https://arxiv.org/abs/2602.02848">Zero Sum SVD</a>
 */
final class ZeroSum {
    private static final Comparator<Ranks> SMALLEST_CHANGE =
            Comparator.<Ranks>comparingDouble(own -> Math.abs(own.next())).thenComparingInt(own -> own.index);

    /** What is left of one projection. */
    private static final class Ranks {
        final Projection projection;
        final int index;
        final double[] changes;
        final int least;
        int rank;

        Ranks(Projection projection, int index, double[] changes, double ceiling) {
            this.projection = projection;
            this.index = index;
            this.changes = changes;
            rank = changes.length;
            least = Math.max(
                    1,
                    LargestFit.of(projection, ceiling, Storage.of(Method.ZERO_SUM_SVD))
                            .k());
        }

        /** Change of the loss if the weakest component goes. */
        double next() {
            return changes[rank - 1];
        }

        boolean offers() {
            return rank > least;
        }

        long bytes() {
            long factors = new LowRankShape(projection.d1(), projection.d2(), rank).bytesOnDisk();
            return Math.min(Allocation.denseBytes(projection), factors);
        }

        Allocation allocation() {
            return bytes() == Allocation.denseBytes(projection)
                    ? Allocation.dense(projection)
                    : new Allocation(projection, rank, 0, bytes());
        }
    }

    private ZeroSum() {}

    /**
     * The ranks.
     *
     * @param changes of the loss if a component goes, strongest component first; at least one
     * @param ceiling most that one projection may give up
     * @throws IllegalArgumentException if not even the smallest ranks meet the ratio
     */
    static List<Allocation> meeting(Map<Projection, double[]> changes, double ratio, double ceiling) {
        List<Ranks> all = new ArrayList<>();
        PriorityQueue<Ranks> rises = new PriorityQueue<>(SMALLEST_CHANGE);
        PriorityQueue<Ranks> falls = new PriorityQueue<>(SMALLEST_CHANGE);
        changes.forEach((projection, own) -> {
            Ranks ranks = new Ranks(projection, all.size(), own, ceiling);
            all.add(ranks);
            offer(ranks, rises, falls);
        });
        long dense = all.stream()
                .mapToLong(own -> Allocation.denseBytes(own.projection))
                .sum();
        long most = Capacity.most(dense, ratio);
        long bytes = all.stream().mapToLong(Ranks::bytes).sum();
        double sum = 0;
        while (bytes > most) {
            PriorityQueue<Ranks> preferred = sum > 0 ? falls : rises;
            Ranks own = preferred.isEmpty() ? (preferred == rises ? falls : rises).poll() : preferred.poll();
            if (own == null) {
                throw new IllegalArgumentException("all projections at their smallest take " + bytes + " of " + dense
                        + " bytes, too many for the ratio " + ratio);
            }
            bytes -= own.bytes();
            sum += own.next();
            own.rank--;
            bytes += own.bytes();
            offer(own, rises, falls);
        }
        return all.stream().map(Ranks::allocation).toList();
    }

    private static void offer(Ranks own, PriorityQueue<Ranks> rises, PriorityQueue<Ranks> falls) {
        if (own.offers()) {
            (own.next() < 0 ? falls : rises).add(own);
        }
    }
}
