package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What one projection gets.
 *
 * @param projection which
 * @param k          atoms, the rank of a low-rank method, or the bits of a rounded weight; 0: kept dense
 * @param s          codes a row; 0 where there are no codes
 * @param bytes      bytes of the tensors that stand for it, {@code 2·d1·d2} if dense; of what a group shares, an equal part
 * @param group      with which it shares its dictionary
 * @param predictedLoss rise of the loss in nats a token that it is predicted to bring, where the budget followed that; of a group's,
 *                   an equal part
 */
public record Allocation(
        Projection projection, int k, int s, long bytes, Optional<SharingGroup> group, OptionalDouble predictedLoss) {
    public Allocation {
        if (k < 0 || s < 0 || s > k || bytes < 1) {
            throw new IllegalArgumentException(
                    "need 0 <= s <= k and bytes >= 1, got k=" + k + ", s=" + s + ", bytes=" + bytes);
        }
    }

    /** Of a projection, or a member of a group, whose loss nobody predicted. */
    public Allocation(Projection projection, int k, int s, long bytes, Optional<SharingGroup> group) {
        this(projection, k, s, bytes, group, OptionalDouble.empty());
    }

    /** Of a projection that shares nothing. */
    public Allocation(Projection projection, int k, int s, long bytes) {
        this(projection, k, s, bytes, Optional.empty());
    }

    Allocation predicting(double loss) {
        return new Allocation(projection, k, s, bytes, group, OptionalDouble.of(loss));
    }

    /** Output features of all that share the dictionary: d2, or the group's {@code m·d2}. */
    public int sharingOutputs() {
        return Math.multiplyExact(sharing(), projection.d2());
    }

    /** Projections that share the dictionary, at least 1. */
    public int sharing() {
        return group.map(SharingGroup::members).orElse(1);
    }

    /** The projection as it is, at 16 bits. */
    static Allocation dense(Projection projection) {
        return new Allocation(projection, 0, 0, denseBytes(projection));
    }

    /** Whether the projection stays as it is. */
    public boolean isDense() {
        return k == 0;
    }

    /** Share saved of the dense bytes at 16 bits. */
    public double ratio() {
        long dense = denseBytes(projection);
        return (dense - bytes) / (double) dense; // one rounding only: a ratio met exactly reads as what was asked
    }

    /** {@code 2·d1·d2}. */
    public static long denseBytes(Projection projection) {
        return 2L * projection.d1() * projection.d2();
    }
}
