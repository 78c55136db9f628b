package io.cospadi.budget;

/**
 * Projections of one type that share a dictionary, or a low-rank basis.
 *
 * @param name    of the group, part of a stored tensor's name
 * @param members how many, at least 2
 */
public record SharingGroup(String name, int members) {
    public SharingGroup {
        if (members < 2) {
            throw new IllegalArgumentException("group " + name + " has " + members + " members, at least 2 can share");
        }
    }
}
