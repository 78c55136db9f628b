package io.cospadi.budget;

import io.cospadi.checkpoint.Projection;
import java.util.List;

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

    /** Named such as {@code layers.4-5.mlp.up_proj}: first and last layer, and the type. */
    public static SharingGroup of(List<Projection> members) {
        Projection first = members.get(0);
        int last = members.get(members.size() - 1).layer();
        String name =
                "layers." + first.layer() + "-" + last + "." + first.type().hfName();
        return new SharingGroup(name, members.size());
    }
}
