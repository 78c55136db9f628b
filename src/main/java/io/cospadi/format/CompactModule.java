package io.cospadi.format;

import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.factorization.Factors;
import io.cospadi.factorization.LowRankFactors;
import io.cospadi.factorization.RoundedWeight;
import io.cospadi.factorization.SparseFactors;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.LevelGrid;
import java.util.ArrayList;
import java.util.List;

/** The shape in which one projection's weight is stored; an entry of {@code modules} in {@link CompactFormat}. */
public sealed interface CompactModule {
    /** Input features. */
    int d1();

    /** Output features. */
    int d2();

    /**
     * The stored tensors of projection {@code name}; a shared dictionary appears under its group's name, so once it is
     * known, members agree on it.
     *
     * @param precision bits of the factors; low rank ignores it
     */
    List<TensorSpec> tensors(String name, Precision precision);

    /** Whose dictionary, or low-rank basis, it shares, or null. */
    String group();

    /** Rows of what a group shares: atoms, or the rank; of a rounded weight, its bits. */
    int width();

    /** {@code group} as part of a tensor's name: null, or checked. */
    private static void requireGroupName(String group) {
        if (group != null && !CompactFormat.GROUP_NAME.matcher(group).matches()) {
            throw new IllegalArgumentException("\"" + group + "\" can't name a sharing group");
        }
    }

    /**
     * The module of factors.
     *
     * @param group whose dictionary they hold, or null
     */
    static CompactModule of(Factors factors, String group) {
        if (factors instanceof SparseFactors sparse) {
            return new Sparse(
                    sparse.d1(), sparse.d2(), sparse.codes().k(), sparse.codes().s(), group);
        }
        if (factors instanceof RoundedWeight rounded) {
            return new Rounded(rounded.d1(), rounded.d2(), rounded.bits());
        }
        LowRankFactors low = (LowRankFactors) factors;
        return new LowRank(low.d1(), low.d2(), low.r(), group);
    }

    /**
     * Dictionary and codes.
     *
     * @param k     atoms
     * @param s     nonzeros a row of the codes, {@code 1 <= s <= k}
     * @param group whose dictionary it shares, or null
     */
    record Sparse(int d1, int d2, int k, int s, String group) implements CompactModule {
        public Sparse {
            if (d1 < 1 || d2 < 1 || s < 1 || s > k) {
                throw new IllegalArgumentException(
                        "need d1, d2 >= 1 and 1 <= s <= k, got d1=" + d1 + ", d2=" + d2 + ", k=" + k + ", s=" + s);
            }
            requireGroupName(group);
        }

        @Override
        public int width() {
            return k;
        }

        /** What the names of the tensors that hold its dictionary begin with. */
        String dictionaryStem(String projection) {
            return group == null ? CompactFormat.dictionaryStem(projection) : CompactFormat.sharedDictionaryStem(group);
        }

        @Override
        public List<TensorSpec> tensors(String name, Precision precision) {
            List<TensorSpec> tensors =
                    new ArrayList<>(CompactFormat.dictionary(dictionaryStem(name), k, d1, precision));
            tensors.addAll(CompactFormat.codes(name, d2, k, s, precision));
            return tensors;
        }
    }

    /**
     * The weight itself, in levels.
     *
     * @param bits of a level
     */
    record Rounded(int d1, int d2, int bits) implements CompactModule {
        public Rounded {
            if (d1 < 1 || d2 < 1 || !LevelGrid.isBits(bits)) {
                throw new IllegalArgumentException(
                        "need d1, d2 >= 1 and 3 to 8 bits, got d1=" + d1 + ", d2=" + d2 + ", bits=" + bits);
            }
        }

        @Override
        public String group() {
            return null;
        }

        @Override
        public int width() {
            return bits;
        }

        @Override
        public List<TensorSpec> tensors(String name, Precision precision) {
            return CompactFormat.levels(CompactFormat.weightStem(name), d2, d1, bits, precision.groupSize());
        }
    }

    /**
     * Two thin matrices.
     *
     * @param r     rank
     * @param group whose lower matrix, the basis, it shares, or null
     */
    record LowRank(int d1, int d2, int r, String group) implements CompactModule {
        public LowRank {
            if (d1 < 1 || d2 < 1 || r < 1) {
                throw new IllegalArgumentException("need d1, d2, r >= 1, got d1=" + d1 + ", d2=" + d2 + ", r=" + r);
            }
            requireGroupName(group);
        }

        @Override
        public int width() {
            return r;
        }

        /** The tensor that holds its lower matrix. */
        public String downName(String projection) {
            return group == null ? CompactFormat.downName(projection) : CompactFormat.sharedDownName(group);
        }

        @Override
        public List<TensorSpec> tensors(String name, Precision precision) {
            return List.of(
                    new TensorSpec(downName(name), DType.BF16, r, d1),
                    new TensorSpec(CompactFormat.upName(name), DType.BF16, d2, r));
        }
    }
}
