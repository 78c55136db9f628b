package io.cospadi.benchmark;

import io.cospadi.backend.Footprint;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What {@link ProjectionKernels} and {@link SiteKernels} measure, in their order, with nothing drawn and nothing run. */
public final class ProjectionCases {
    private final Footprint footprint;
    private final long rotation;
    private final List<BenchCase> cases = new ArrayList<>();
    private final Set<String> told = new HashSet<>();

    /** @param rotation as {@link ProjectionKernels} is given */
    public ProjectionCases(Footprint footprint, long rotation) {
        this.footprint = footprint;
        this.rotation = rotation;
    }

    /** Of all projections and sites so far. */
    public List<BenchCase> cases() {
        return List.copyOf(cases);
    }

    /** As {@link ProjectionKernels#run}. */
    public void projection(FactoredProjection on) {
        int k = on.size().k();
        int s = on.size().s();
        dense(on.types(), on.d2(), on.d1(), 1);
        dense(on.name(), k, on.d1(), 1);
        long dictionary = footprint.weight(k, on.d1());
        add(
                "dictionary",
                on.name(),
                ProjectionKernels.shape(1, on.d1(), k),
                dictionary,
                2.0 * k * on.d1(),
                copies(dictionary) * dictionary);
        codes(on, 1);
        for (int tokens : ProjectionKernels.SOME_TOKENS) {
            codes(on, tokens);
        }
        long both = dictionary + bytes(on);
        add(
                "projection",
                on.name(),
                ProjectionKernels.shape(1, on.d1(), on.d2()) + ", k " + k + ", s " + s,
                both,
                flops(on),
                copies(bytes(on) + 2L * k * on.d1()) * both + bytes(on));
    }

    /** As {@link SiteKernels#run}. */
    public void site(List<FactoredProjection> members) {
        int d1 = members.get(0).d1();
        int atoms = members.stream().mapToInt(member -> member.size().k()).sum();
        int outputs = members.stream().mapToInt(FactoredProjection::d2).sum();
        long dictionaries = footprint.weight(atoms, d1);
        long codes = members.stream().mapToLong(this::bytes).sum();
        double dictionaryFlops = 2.0 * atoms * d1;
        double codeFlops = members.stream()
                .mapToDouble(member -> 2.0 * member.d2() * member.size().s())
                .sum();
        long memory = copies(Math.min(codes, dictionaries)) * (codes + dictionaries) + codes;
        String name = SiteKernels.name(members);
        dense(name, atoms, d1, 1);
        add("dictionary", name, ProjectionKernels.shape(1, d1, atoms), dictionaries, dictionaryFlops, memory);
        members.forEach(
                member -> dense(member.name(), member.d2(), member.size().k(), 1));
        members.forEach(member -> sparse(member, 1));
        add("codes", name, ProjectionKernels.shape(1, atoms, outputs), codes, codeFlops, memory);
        dense(name, outputs, d1, 1);
        double flops = dictionaryFlops + codeFlops;
        add("projection", name, ProjectionKernels.shape(1, d1, outputs), dictionaries + codes, flops, memory);
    }

    private void codes(FactoredProjection on, int n) {
        dense(on.name(), on.d2(), on.size().k(), n);
        sparse(on, n);
        add(
                "codes",
                on.name(),
                ofCodes(on, n),
                bytes(on),
                2.0 * n * on.d2() * on.size().s(),
                (copies(bytes(on)) + 1) * bytes(on));
    }

    /** The vendor's dense product, told once for each shape, as it is measured once. */
    private void dense(String on, int rows, int cols, int n) {
        String shape = ProjectionKernels.shape(n, cols, rows);
        String library = ProjectionKernels.library(footprint.dense());
        if (told.add(library + shape)) {
            long bytes = footprint.weight(rows, cols);
            add(library, on, shape, bytes, 2.0 * n * rows * cols, copies(2L * rows * cols) * bytes);
        }
    }

    private void sparse(FactoredProjection on, int n) {
        if (footprint.sparse().isEmpty()) {
            return;
        }
        String shape = ofCodes(on, n);
        String library = ProjectionKernels.library(footprint.sparse().get());
        if (told.add(library + shape)) {
            long nonzeros = (long) on.d2() * on.size().s();
            long bytes = 6 * nonzeros + 4L * (on.d2() + 1); // values, columns, and where each row begins
            add(library, on.name(), shape, bytes, 2.0 * n * nonzeros, copies(6 * nonzeros) * bytes);
        }
    }

    private static String ofCodes(FactoredProjection on, int n) {
        return ProjectionKernels.shape(n, on.size().k(), on.d2()) + ", s "
                + on.size().s();
    }

    private static double flops(FactoredProjection on) {
        return 2.0
                * ((double) on.size().k() * on.d1()
                        + (double) on.d2() * on.size().s());
    }

    private long bytes(FactoredProjection on) {
        return footprint.codes(on.d2(), on.size().k(), on.size().s(), on.size().group());
    }

    private long copies(long bytes) {
        return ProjectionKernels.copies(bytes, rotation);
    }

    private void add(String kernel, String on, String shape, double bytes, double flops, long memory) {
        cases.add(new BenchCase(kernel, on, shape, bytes, flops, memory));
    }
}
