package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.budget.SharingGroup;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.factorization.Method;
import io.cospadi.format.CompactLayout;
import io.cospadi.format.CompactSizes;
import io.cospadi.format.PartDiagnostics;
import io.cospadi.format.PartFile;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Gathers what a finished job knows about itself into a {@link RunReport}. */
final class JobReport {
    private final Recipe recipe;
    private final JobPlaces places;
    private final JobSession session;
    private final JobTimes times;

    JobReport(Recipe recipe, JobPlaces places, JobSession session, JobTimes times) {
        this.recipe = recipe;
        this.places = places;
        this.session = session;
        this.times = times;
    }

    /** The report; its times are those of all the runs that the job took. */
    RunReport of(
            Checkpoint model,
            Calibrating calibrating,
            Fingerprint fingerprint,
            CompactSizes sizes,
            List<Allocation> allocations,
            List<Path> parts) {
        JobEnvironment environment = session.environment();
        String identity = Fingerprints.backend(fingerprint);
        List<RunReport.ProjectionResult> projections = new ArrayList<>();
        double factorization = 0;
        for (int i = 0; i < parts.size(); i++) {
            RunReport.ProjectionResult result = projection(allocations.get(i), parts.get(i));
            projections.add(result);
            factorization += result.seconds();
        }
        Map<String, Double> secondsByPhase = new LinkedHashMap<>(session.secondsByPhase());
        secondsByPhase.put("factorisation", Math.max(factorization, secondsByPhase.getOrDefault("factorisation", 0.0)));
        Precision precision = recipe.precision();
        RunReport.Run run = new RunReport.Run(
                environment.program(),
                times.started().toString(),
                places.model().toString(),
                places.out().toString(),
                recipe.method().option(),
                recipe.method() == Method.COSPADI ? recipe.solver().option() : null,
                recipe.budget().option(),
                recipe.objective().option(),
                recipe.propagation().sequential() ? recipe.propagation().option() : null,
                recipe.rounds(),
                recipe.seed(),
                precision.valueBits(),
                precision.dictionaryLevels() ? precision.dictionaryBits() : null,
                precision.hasScales() ? precision.groupSize() : null,
                recipe.groups() == MaskGroups.NONE ? null : recipe.groups().option(),
                identity.substring(0, identity.indexOf(' ')),
                identity,
                environment.threads());
        return new RunReport(
                RunReport.FORMAT_VERSION,
                run,
                calibrating.describe(recipe),
                new RunReport.Ratio(recipe.ratio(), sizes.ratioProjections(), sizes.ratioFile()),
                bytes(model, allocations, sizes),
                times.seconds(),
                secondsByPhase,
                projections,
                List.of(),
                List.of(),
                environment.host().get(),
                session.warnings());
    }

    private RunReport.ProjectionResult projection(Allocation allocation, Path file) {
        Projection p = allocation.projection();
        JobTimes.ProjectionTime time = allocation.isDense() ? JobTimes.NONE : times.projection(p.name());
        try (PartFile part = PartFile.open(file)) {
            PartDiagnostics d = part.diagnostics();
            return new RunReport.ProjectionResult(
                    p.name(),
                    p.d1(),
                    p.d2(),
                    allocation.isDense() ? null : allocation.k(),
                    allocation.isDense() ? null : allocation.s(),
                    allocation.group().map(SharingGroup::name).orElse(null),
                    allocation.bytes(),
                    Allocation.denseBytes(p),
                    d.relativeError(),
                    allocation.predictedLoss().isPresent()
                            ? (Double) allocation.predictedLoss().getAsDouble()
                            : null,
                    time.seconds(),
                    d.flops(),
                    d.atomsReplaced(),
                    d.gramShift(),
                    Arrays.stream(d.errorByRound()).boxed().toList(),
                    time.byPhase());
        }
    }

    /** Every byte of the safetensors files, by what it is. */
    private List<RunReport.ByteShare> bytes(Checkpoint model, List<Allocation> allocations, CompactSizes sizes) {
        Set<String> targeted = new HashSet<>();
        allocations.forEach(a -> targeted.add(a.projection().weightName()));
        Set<String> projections = new HashSet<>();
        model.config().projections().forEach(p -> projections.add(p.weightName()));
        Map<String, long[]> byKind = new LinkedHashMap<>();
        long tensors = 0;
        CompactLayout layout = CompactLayout.of(
                model, Targets.modules(allocations, recipe.method()), recipe.precision(), ShardedWriter.SHARD_BYTES);
        for (TensorSpec tensor : layout.tensors()) {
            String kind = kind(tensor.name(), targeted, projections, model);
            // the dense bytes of targeted projections are counted with the projections themselves
            long dense = model.has(tensor.name()) && !targeted.contains(tensor.name()) ? 2 * elements(tensor) : 0;
            long[] sums = byKind.computeIfAbsent(kind, key -> new long[2]);
            sums[0] += tensor.bytes();
            sums[1] += dense;
            tensors += tensor.bytes();
        }
        byKind.put(RunReport.ByteShare.HEADERS, new long[] {sizes.fileBytes() - tensors, 0});
        List<RunReport.ByteShare> shares = new ArrayList<>();
        byKind.forEach((kind, sums) -> shares.add(new RunReport.ByteShare(kind, sums[0], sums[1])));
        return shares;
    }

    private static long elements(TensorSpec tensor) {
        return tensor.bytes() / tensor.dtype().bytes();
    }

    private static String kind(String name, Set<String> targeted, Set<String> projections, Checkpoint model) {
        if (targeted.contains(name)) {
            return RunReport.ByteShare.KEPT_DENSE;
        }
        if (projections.contains(name)) {
            return RunReport.ByteShare.PROJECTIONS;
        }
        if (name.equals(ModelConfig.EMBEDDING) || name.equals(ModelConfig.HEAD)) {
            return RunReport.ByteShare.EMBEDDINGS;
        }
        if (model.has(name)) {
            return RunReport.ByteShare.UNTOUCHED;
        }
        if (name.endsWith(".coef.mask")) {
            return RunReport.ByteShare.MASKS;
        }
        if (name.endsWith(".coef.values") || name.endsWith(".coef.scales")) {
            return RunReport.ByteShare.VALUES;
        }
        if (name.contains(".weight.")) {
            return RunReport.ByteShare.ROUNDED;
        }
        return name.contains(".dictionary.") ? RunReport.ByteShare.DICTIONARIES : RunReport.ByteShare.LOW_RANK;
    }
}
