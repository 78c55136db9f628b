package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Projection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Share {@code index} of the {@code count} that a job's work is divided into, written {@code index/count}.
 *
 * @param index from 0
 * @param count of all shares, at least 1
 */
public record Share(int index, int count) {
    /** All of the work. */
    public static final Share WHOLE = new Share(0, 1);

    private static final Pattern TEXT = Pattern.compile("(\\d{1,6})/(\\d{1,6})");

    public Share {
        if (index < 0 || index >= count) {
            throw new IllegalArgumentException(
                    "share " + index + "/" + count + ", expected 0/" + count + " to " + (count - 1) + "/" + count);
        }
    }

    /** All shares of {@code count}. */
    static List<Share> all(int count) {
        return IntStream.range(0, count).mapToObj(i -> new Share(i, count)).toList();
    }

    /**
     * Reads {@code I/N}, the value of {@code --shard}.
     *
     * @throws RecipeException if it is anything else
     */
    public static Share parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (matcher.matches()) {
            int index = Integer.parseInt(matcher.group(1));
            int count = Integer.parseInt(matcher.group(2));
            if (index < count) {
                return new Share(index, count);
            }
        }
        throw RecipeException.usage("--shard is I/N with I from 0 to N-1, such as 0/4; found '" + text + "'");
    }

    /** This share of a job's projections, in the order given. */
    List<Allocation> of(List<Allocation> allocations, Recipe recipe) {
        List<Share> owners = owners(allocations, recipe, count);
        return IntStream.range(0, allocations.size())
                .filter(i -> owners.get(i).equals(this))
                .mapToObj(allocations::get)
                .toList();
    }

    /**
     * Which of {@code count} shares has each projection. Every machine comes to the same division by itself: from the
     * costliest task down (ties in the order given), each goes to the share that has least to do so far (ties to the lowest
     * index), so the operations of a share exceed the mean by less than those of its last task.
     */
    static List<Share> owners(List<Allocation> allocations, Recipe recipe, int count) {
        List<Task> tasks = Task.of(allocations);
        double[] flops = tasks.stream().mapToDouble(task -> task.flops(recipe)).toArray();
        int[] costliestFirst = IntStream.range(0, flops.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -flops[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        double[] loads = new double[count];
        Map<Projection, Share> owners = new HashMap<>();
        for (int i : costliestFirst) {
            int least = 0;
            for (int share = 1; share < count; share++) {
                if (loads[share] < loads[least]) {
                    least = share;
                }
            }
            loads[least] += flops[i];
            for (Allocation member : tasks.get(i).members()) {
                owners.put(member.projection(), new Share(least, count));
            }
        }
        return allocations.stream().map(a -> owners.get(a.projection())).toList();
    }

    /** As it was written. */
    @Override
    public String toString() {
        return index + "/" + count;
    }
}
