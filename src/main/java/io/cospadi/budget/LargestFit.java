package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.FactorShape;
import io.cospadi.factorization.LowRankShape;
import io.cospadi.factorization.Method;
import java.util.function.IntPredicate;
import java.util.function.IntToLongFunction;

/** The largest factors of one projection whose stored bytes meet a ratio; the dense projection where none do. */
final class LargestFit {
    private LargestFit() {}

    /** By method: sparse dictionary, orthonormal dictionary, or low rank. */
    static Allocation of(Projection projection, double ratio, Method method) {
        return switch (method) {
            case COSPADI -> sparse(projection, ratio, Integer.MAX_VALUE);
            case COMPOT -> sparse(projection, ratio, Math.min(projection.d1(), projection.d2()));
            case SVD_LLM, ASVD, SVD -> lowRank(projection, ratio);
        };
    }

    /**
     * The largest k with s = floor(k/2). Where that exceeds {@code mostAtoms} (an orthonormal dictionary has at most d1 atoms),
     * k is that and s takes the remaining bytes, at most k.
     */
    private static Allocation sparse(Projection projection, double ratio, int mostAtoms) {
        int d1 = projection.d1();
        int d2 = projection.d2();
        IntToLongFunction bytes = k -> new FactorShape(d1, d2, k, k / 2).bytesOnDisk();
        // with more atoms than d2 the dictionary alone is larger than the dense weight
        int k = largest(2, Math.max(2, d2), candidate -> meets(projection, bytes.applyAsLong(candidate), ratio));
        if (k == 0 || mostAtoms < 1) {
            return Allocation.dense(projection);
        }
        if (k <= mostAtoms) {
            return new Allocation(projection, k, k / 2, bytes.applyAsLong(k));
        }
        int s = largest(
                1,
                mostAtoms,
                candidate -> meets(projection, new FactorShape(d1, d2, mostAtoms, candidate).bytesOnDisk(), ratio));
        return new Allocation(projection, mostAtoms, s, new FactorShape(d1, d2, mostAtoms, s).bytesOnDisk());
    }

    private static Allocation lowRank(Projection projection, double ratio) {
        int d1 = projection.d1();
        int d2 = projection.d2();
        IntToLongFunction bytes = r -> new LowRankShape(d1, d2, r).bytesOnDisk();
        int r = largest(1, Math.min(d1, d2), candidate -> meets(projection, bytes.applyAsLong(candidate), ratio));
        return r == 0 ? Allocation.dense(projection) : new Allocation(projection, r, 0, bytes.applyAsLong(r));
    }

    private static boolean meets(Projection projection, long bytes, double ratio) {
        return Capacity.meets(bytes, Allocation.denseBytes(projection), ratio);
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
