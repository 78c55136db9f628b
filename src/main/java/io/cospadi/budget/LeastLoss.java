package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Shares bytes out so that the predicted rise of the loss, summed over projections, is least. Every projection, or group that
 * shares a dictionary, may stay dense or take one of many sizes; for one price of a byte the best choices are independent of each other, and the price is found by
 * bisection, so that their total just meets the ratio. Staying dense is a jump in size, which can leave bytes over: they go
 * where they lower the loss the most, as long as a step fits.
 *
 * @see "Shoham, Gersho: Efficient bit allocation for an arbitrary set of quantizers, IEEE Trans. ASSP 36(9), 1988"
 */
final class LeastLoss {
    /** Sizes that are tried for one: ratios this far apart. */
    static final double STEP = 1.0 / 256;

    private static final int BISECTIONS = 100;

    private final List<List<Choice>> choices = new ArrayList<>();

    /** One size of one projection or group, and the rise of the loss that it is predicted to bring. */
    private record Choice(List<Allocation> allocations, long bytes, double loss) {
        static Choice of(List<Allocation> allocations, LossCurve curve) {
            return new Choice(allocations, Budget.bytes(allocations), curve.at(Budget.ratio(allocations)));
        }

        Stream<Allocation> predicting() {
            return allocations.stream().map(allocation -> allocation.predicting(loss / allocations.size()));
        }
    }

    /**
     * @param curves of each projection or group, in the order of the result
     * @param limits of the ratio of each
     */
    LeastLoss(Map<List<Projection>, LossCurve> curves, Storage storage, Budget.Limits limits) {
        curves.forEach((group, curve) -> choices.add(choices(group, curve, storage, limits)));
    }

    /** From dense down to the smallest size, each smaller than the one before. */
    private static List<Choice> choices(
            List<Projection> group, LossCurve curve, Storage storage, Budget.Limits limits) {
        List<Choice> choices = new ArrayList<>();
        long last = Long.MAX_VALUE;
        for (int i = 0; i * STEP <= limits.ceiling(); i++) {
            double ratio = i * STEP;
            Choice choice = Choice.of(
                    ratio == 0 ? group.stream().map(Allocation::dense).toList() : LargestFit.of(group, ratio, storage),
                    curve);
            if (ratio >= limits.floor() && choice.bytes < last) {
                choices.add(choice);
                last = choice.bytes;
            }
        }
        return choices;
    }

    /**
     * The choices of least predicted loss among those whose total meets the ratio.
     *
     * @throws IllegalArgumentException if not even the smallest sizes do
     */
    List<Allocation> meeting(double ratio) {
        long dense = choices.stream()
                .mapToLong(own -> Budget.denseBytes(own.get(0).allocations))
                .sum();
        long most = Capacity.most(dense, ratio);
        List<Choice> best = atPrice(Double.POSITIVE_INFINITY);
        if (bytes(best) > most) {
            throw new IllegalArgumentException("all projections at their smallest take " + bytes(best) + " of " + dense
                    + " bytes, too many for the ratio " + ratio);
        }
        // a price is a loss a byte; its logarithm is what bisection halves
        double low = -100;
        double high = 10;
        for (int i = 0; i < BISECTIONS; i++) {
            double middle = (low + high) / 2;
            List<Choice> chosen = atPrice(Math.exp(middle));
            if (bytes(chosen) <= most) {
                best = chosen;
                high = middle;
            } else {
                low = middle;
            }
        }
        spend(most - bytes(best), best);
        return best.stream().flatMap(Choice::predicting).toList();
    }

    private List<Choice> atPrice(double price) {
        List<Choice> chosen = new ArrayList<>(choices.size());
        for (List<Choice> own : choices) {
            Choice best = own.get(own.size() - 1);
            for (int i = own.size() - 2; i >= 0 && price < Double.POSITIVE_INFINITY; i--) {
                if (cost(own.get(i), price) < cost(best, price)) {
                    best = own.get(i);
                }
            }
            chosen.add(best);
        }
        return chosen;
    }

    private static double cost(Choice choice, double price) {
        return choice.loss + price * choice.bytes;
    }

    /** Enlarges one at a time, the one that gains most for its bytes first, as long as one fits. */
    private void spend(long left, List<Choice> chosen) {
        while (true) {
            int where = -1;
            Choice better = null;
            double gain = 0;
            for (int p = 0; p < chosen.size(); p++) {
                Choice now = chosen.get(p);
                for (Choice other : choices.get(p)) {
                    long more = other.bytes - now.bytes;
                    double rate = (now.loss - other.loss) / more;
                    if (more > 0 && more <= left && rate > gain) {
                        where = p;
                        better = other;
                        gain = rate;
                    }
                }
            }
            if (better == null) {
                return;
            }
            left -= better.bytes - chosen.get(where).bytes;
            chosen.set(where, better);
        }
    }

    private static long bytes(List<Choice> chosen) {
        return chosen.stream().mapToLong(Choice::bytes).sum();
    }
}
