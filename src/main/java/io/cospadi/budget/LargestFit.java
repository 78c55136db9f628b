package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.FactorShape;
import io.cospadi.factorization.LowRankShape;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.LevelGrid;
import io.cospadi.tensor.MaskGroups;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.function.IntToLongFunction;

/** The largest factors of a projection, or of a group that shares a dictionary, whose stored bytes meet a ratio; dense where none do. */
final class LargestFit {
    private LargestFit() {}

    /** By method: sparse dictionary, orthonormal dictionary, low rank, or a rounded weight. */
    static Allocation of(Projection projection, double ratio, Storage storage) {
        Size size = size(projection.d1(), projection.d2(), ratio, storage);
        return size == Size.NONE
                ? Allocation.dense(projection)
                : new Allocation(projection, size.k(), size.s(), size.bytes());
    }

    /** The same for projections that share a dictionary: as large as that of one projection with all their outputs. */
    static List<Allocation> of(List<Projection> members, double ratio, Storage storage) {
        Projection first = members.get(0);
        int m = members.size();
        if (m == 1) {
            return List.of(of(first, ratio, storage));
        }
        Size size = size(first.d1(), Math.multiplyExact(m, first.d2()), ratio, storage);
        if (size == Size.NONE) {
            return members.stream().map(Allocation::dense).toList();
        }
        SharingGroup group = SharingGroup.of(members);
        List<Allocation> allocations = new ArrayList<>();
        for (Projection member : members) {
            long bytes = size.bytes() / m + (allocations.size() < size.bytes() % m ? 1 : 0);
            allocations.add(new Allocation(member, size.k(), size.s(), bytes, Optional.of(group)));
        }
        return allocations;
    }

    /** k, rank or bits of a weight, s, and the bytes that they come to. */
    private record Size(int k, int s, long bytes) {
        static final Size NONE = new Size(0, 0, 0);
    }

    private static Size size(int d1, int d2, double ratio, Storage storage) {
        return switch (storage.method()) {
            case COSPADI -> sparse(d1, d2, ratio, storage, Integer.MAX_VALUE);
            case COMPOT -> sparse(d1, d2, ratio, storage, Math.min(d1, d2));
            case SVD_LLM, ASVD, SVD, KFAC_SVD, ZERO_SUM_SVD, BASIS_SHARING -> lowRank(d1, d2, ratio);
            case RTN, GPTQ -> levels(d1, d2, ratio, storage.precision().groupSize());
        };
    }

    /**
     * The largest k with s = floor(k/2). Where that exceeds {@code mostAtoms} (an orthonormal dictionary has at most d1 atoms),
     * k is that and s takes the remaining bytes, at most k. Where codes lie in groups of neighbours, k is whole groups of them
     * and s always its half.
     */
    private static Size sparse(int d1, int d2, double ratio, Storage storage, int mostAtoms) {
        Precision precision = storage.precision();
        if (storage.groups() != MaskGroups.NONE) {
            return grouped(d1, d2, ratio, precision, storage.groups(), mostAtoms);
        }
        IntToLongFunction bytes = k -> new FactorShape(d1, d2, k, k / 2).bytesOnDisk(precision);
        // with d2 atoms the weight itself can be the dictionary; more gain nothing, however small they are stored
        int k = largest(2, Math.max(2, d2), candidate -> meets(d1, d2, bytes.applyAsLong(candidate), ratio));
        if (k == 0 || mostAtoms < 1) {
            return Size.NONE;
        }
        if (k <= mostAtoms) {
            return new Size(k, k / 2, bytes.applyAsLong(k));
        }
        int s = largest(
                1,
                mostAtoms,
                candidate ->
                        meets(d1, d2, new FactorShape(d1, d2, mostAtoms, candidate).bytesOnDisk(precision), ratio));
        return new Size(mostAtoms, s, new FactorShape(d1, d2, mostAtoms, s).bytesOnDisk(precision));
    }

    private static Size grouped(int d1, int d2, double ratio, Precision precision, MaskGroups groups, int mostAtoms) {
        IntFunction<FactorShape> shape =
                count -> new FactorShape(d1, d2, count * groups.atoms(), count * groups.nonzeros());
        int count = largest(
                1,
                Math.min(mostAtoms, Math.max(groups.atoms(), d2)) / groups.atoms(),
                candidate -> meets(d1, d2, shape.apply(candidate).bytesOnDisk(precision), ratio));
        if (count == 0) {
            return Size.NONE;
        }
        FactorShape found = shape.apply(count);
        return new Size(found.k(), found.s(), found.bytesOnDisk(precision));
    }

    private static Size lowRank(int d1, int d2, double ratio) {
        IntToLongFunction bytes = r -> new LowRankShape(d1, d2, r).bytesOnDisk();
        int r = largest(1, Math.min(d1, d2), candidate -> meets(d1, d2, bytes.applyAsLong(candidate), ratio));
        return r == 0 ? Size.NONE : new Size(r, 0, bytes.applyAsLong(r));
    }

    private static Size levels(int d1, int d2, double ratio, int groupSize) {
        IntToLongFunction bytes = bits -> LevelPacking.bytes(d2, d1, bits, groupSize);
        int bits = largest(
                LevelGrid.FEWEST_BITS,
                LevelGrid.MOST_BITS,
                candidate -> meets(d1, d2, bytes.applyAsLong(candidate), ratio));
        return bits == 0 ? Size.NONE : new Size(bits, 0, bytes.applyAsLong(bits));
    }

    private static boolean meets(int d1, int d2, long bytes, double ratio) {
        return Capacity.meets(bytes, 2L * d1 * d2, ratio);
    }

    /** The largest integer in {@code from .. to} that fits, where those that fit come first; 0 if none does. */
    private static int largest(int from, int to, IntPredicate fits) {
        int low = from - 1;
        int high = to;
        while (low < high) {
            int middle = (int) (((long) low + high + 1) / 2);
            if (fits.test(middle)) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low < from ? 0 : low;
    }
}
