package io.cospadi.compression;

import io.cospadi.factorization.ShareObjective;
import java.util.List;

/**
 * Which projections of a recipe share dictionaries, and what a shared one keeps small.
 *
 * @param layers    adjacent layers of one type in a group, counted from layer 0; 1: none share
 * @param include   projections to which that applies; empty: all
 * @param groups    groups of their own, each the projections that one of its patterns matches; they come first
 * @param objective of shared dictionaries
 */
public record Sharing(int layers, List<NamePattern> include, List<List<NamePattern>> groups, ShareObjective objective) {
    /** Every projection has its own dictionary. */
    public static final Sharing NONE = new Sharing(1, List.of(), List.of(), ShareObjective.MEAN);

    public Sharing {
        if (layers < 1) {
            throw new IllegalArgumentException("a group has at least 1 layer, got " + layers);
        }
        include = List.copyOf(include);
        groups = groups.stream().map(List::copyOf).toList();
    }

    /** Whether any projections may share. */
    boolean any() {
        return layers > 1 || !groups.isEmpty();
    }

    /** Whether a projection of that name is grouped with its neighbours. */
    boolean applies(String projection) {
        return layers > 1 && (include.isEmpty() || include.stream().anyMatch(pattern -> pattern.matches(projection)));
    }
}
