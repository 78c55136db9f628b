package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Method;
import io.cospadi.format.CompactModule;
import io.cospadi.format.PartFile;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/** Tells a job's sound part files from damaged ones and other jobs'. */
final class PartCheck {
    private final String identity;
    private final SortedMap<String, Optional<CompactModule>> modules;

    /** @param identity of the job, {@link Fingerprint#identity} */
    PartCheck(String identity, List<Allocation> allocations, Method method) {
        this.identity = identity;
        this.modules = Targets.modules(allocations, method);
    }

    /** Of the job. */
    String identity() {
        return identity;
    }

    /** What is wrong with a file that should be the projection's part; empty where it is just that. */
    Optional<String> defect(Path file, Projection projection) {
        try (PartFile part = PartFile.open(file)) {
            boolean sound = part.fingerprint().equals(identity)
                    && part.projection().equals(projection.name())
                    && part.module().equals(modules.get(projection.name()));
            return sound ? Optional.empty() : Optional.of(file + " belongs to another job");
        } catch (CospadiException e) {
            return Optional.of(e.getMessage());
        }
    }
}
