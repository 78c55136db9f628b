package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.PaperFormulas;
import io.cospadi.budget.SharingGroup;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.compression.Plan;
import io.cospadi.compression.Recipe;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.gpu.CudaDevices;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A plan for people and for programs.
 *
 * @param maxVram bytes that a GPU may hold; {@code Long.MAX_VALUE} where that is not said
 */
record PlanView(String model, ModelConfig config, Recipe recipe, Plan plan, long maxVram) {
    /** The paper's rho = k / s. */
    private static final double ATOMS_PER_CODE = 2;

    /** At most 80 columns; equal projections of several layers share a row. */
    String text() {
        StringBuilder text = new StringBuilder();
        line(
                text,
                "%s: %s, %d layers, hidden size %d",
                model,
                config.architecture().modelType(),
                config.layers(),
                config.hiddenSize());
        String solver = recipe.method() == Method.COSPADI
                ? " (" + recipe.solver().option()
                        + (recipe.pursuit() == Pursuit.EXACT
                                ? ""
                                : ", " + recipe.pursuit().option() + " pursuit") + ")"
                : "";
        String rounds = recipe.method().sparse() ? ", " + recipe.rounds() + " rounds" : "";
        line(
                text,
                "ratio %s by %s%s%s, budget %s",
                recipe.ratio(),
                recipe.method().option(),
                solver,
                rounds,
                recipe.budget().option());
        if (!plan.exact()) {
            line(
                    text,
                    "its sizes depend on weights and text: the command budget finds them;\nuniform ones, of the same total, below");
        }
        text.append('\n');
        table(text);
        text.append('\n');
        line(
                text,
                "projections  %s -> %s, true ratio %.4f (asked for %s)",
                Quantities.bytes(plan.sizes().projectionBaseBytes()),
                Quantities.bytes(plan.sizes().projectionBytes()),
                plan.sizes().ratioProjections(),
                recipe.ratio());
        line(
                text,
                "files        %s at 16 bits -> %s, true ratio %.4f",
                Quantities.bytes(plan.sizes().baseFileBytes()),
                Quantities.bytes(plan.sizes().fileBytes()),
                plan.sizes().ratioFile());
        line(
                text,
                "memory       peak about %s (calibration %s, factorisation %s)",
                Quantities.bytes(plan.peakMemory().bytes()),
                Quantities.bytes(plan.peakMemory().calibration()),
                Quantities.bytes(plan.peakMemory().factorization()));
        if (maxVram != Long.MAX_VALUE) {
            line(
                    text,
                    "GPU memory   about %s, --max-vram allows %s: %s",
                    Quantities.bytes(gpuBytes()),
                    Quantities.bytes(maxVram),
                    gpuBytes() > maxVram ? "too little" : "enough");
        }
        line(text, "disk         up to %s beside the output while it works", Quantities.bytes(plan.workBytes()));
        line(
                text,
                "time         about %s (calibration %s, %sfactorisation %s):",
                JobDisplay.duration(plan.time().seconds()),
                JobDisplay.duration(plan.time().calibrationSeconds()),
                plan.time().propagationFlops() == 0
                        ? ""
                        : "propagation " + JobDisplay.duration(plan.time().propagationSeconds()) + ", ",
                JobDisplay.duration(plan.time().factorizationSeconds()));
        line(
                text,
                "             %.3g operations, counted from the shapes;%n             %s",
                plan.time().flops(),
                plan.time().basis());
        return text.toString();
    }

    /** Of matrices and of what the GPU's libraries work in. */
    private long gpuBytes() {
        return plan.peakMemory().matrices() + CudaDevices.RESERVED_BYTES;
    }

    private void table(StringBuilder text) {
        boolean sparse = recipe.method().sparse();
        line(
                text,
                "%-10s %-8s %6s %6s %6s %5s %12s %6s  %s",
                "projection",
                "layers",
                "d1",
                "d2",
                sparse ? "k" : recipe.method().lowRank() ? "rank" : "bits",
                sparse ? "s" : "",
                "bytes",
                "ratio",
                sparse ? "paper k" : recipe.method().lowRank() ? "paper" : "");
        for (Map.Entry<List<Object>, List<Allocation>> row : rows().entrySet()) {
            Allocation allocation = row.getValue().get(0);
            Projection p = allocation.projection();
            boolean dense = allocation.isDense();
            line(
                    text,
                    "%-10s %-8s %6d %6d %6s %5s %,12d %6.4f  %s",
                    shortName(p),
                    layers(row.getValue()),
                    p.d1(),
                    p.d2(),
                    dense ? "dense" : allocation.k(),
                    dense || !sparse ? "" : allocation.s(),
                    allocation.bytes(),
                    allocation.ratio(),
                    paper(allocation));
        }
        sharing(text, recipe.method().lowRank());
        if (sparse) {
            line(text, "k is the largest whose bytes meet the ratio, s = k/2. The paper's, in words:");
            line(text, "1 - (d1 k + s d2)/(d1 d2) for 14-bit codes / with + k d2/16 for 16-bit ones.");
        }
    }

    /** The size by the paper's own formulas, where the method has one. */
    private String paper(Allocation allocation) {
        if (recipe.method().sparse()) {
            return fourteen(allocation).k() + "/" + full(allocation).k();
        }
        return recipe.method().lowRank() ? String.valueOf(rank(allocation)) : "";
    }

    /** How many of a size share, where any do. */
    private void sharing(StringBuilder text, boolean lowRank) {
        Map<Integer, Set<String>> groups = new TreeMap<>();
        for (Allocation allocation : plan.allocations()) {
            allocation.group().ifPresent(group -> groups.computeIfAbsent(group.members(), key -> new TreeSet<>())
                    .add(group.name()));
        }
        groups.forEach((members, names) -> line(
                text,
                "%d groups of %d layers share a %s, counted once: bytes are an equal part.",
                names.size(),
                members,
                lowRank ? "basis" : "dictionary"));
    }

    private PaperFormulas.Size fourteen(Allocation a) {
        return PaperFormulas.fourteenBit(a.projection().d1(), a.sharingOutputs(), recipe.ratio(), ATOMS_PER_CODE);
    }

    private PaperFormulas.Size full(Allocation a) {
        return PaperFormulas.full(a.projection().d1(), a.sharingOutputs(), recipe.ratio(), ATOMS_PER_CODE);
    }

    private int rank(Allocation a) {
        return PaperFormulas.lowRank(a.projection().d1(), a.sharingOutputs(), recipe.ratio());
    }

    private Map<List<Object>, List<Allocation>> rows() {
        Map<List<Object>, List<Allocation>> rows = new LinkedHashMap<>();
        for (Allocation allocation : plan.allocations()) {
            Projection p = allocation.projection();
            rows.computeIfAbsent(
                            List.of(p.type(), p.d1(), p.d2(), allocation.k(), allocation.s(), allocation.sharing()),
                            key -> new ArrayList<>())
                    .add(allocation);
        }
        return rows;
    }

    private static String shortName(Projection projection) {
        String name = projection.type().hfName();
        return name.substring(name.indexOf('.') + 1);
    }

    /** "0-3,7". */
    private static String layers(List<Allocation> allocations) {
        List<String> ranges = new ArrayList<>();
        for (int i = 0; i < allocations.size(); ) {
            int first = allocations.get(i).projection().layer();
            int last = first;
            for (i++; i < allocations.size() && allocations.get(i).projection().layer() == last + 1; i++) {
                last++;
            }
            ranges.add(first == last ? String.valueOf(first) : first + "-" + last);
        }
        return String.join(",", ranges);
    }

    /** The same as one JSON object. */
    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("model", model);
        json.put("method", recipe.method().option());
        json.put("solver", recipe.method() == Method.COSPADI ? recipe.solver().option() : null);
        json.put("budget", recipe.budget().option());
        json.put("exact", plan.exact());
        json.putObject("ratio")
                .put("target", recipe.ratio())
                .put("projections", plan.sizes().ratioProjections())
                .put("file", plan.sizes().ratioFile());
        json.putObject("bytes")
                .put("projections", plan.sizes().projectionBytes())
                .put("projections_dense", plan.sizes().projectionBaseBytes())
                .put("file", plan.sizes().fileBytes())
                .put("file_dense", plan.sizes().baseFileBytes());
        json.putObject("peak_memory")
                .put("bytes", plan.peakMemory().bytes())
                .put("calibration", plan.peakMemory().calibration())
                .put("factorization", plan.peakMemory().factorization());
        if (maxVram != Long.MAX_VALUE) {
            json.putObject("gpu_memory")
                    .put("bytes", gpuBytes())
                    .put("max_vram", maxVram)
                    .put("enough", gpuBytes() <= maxVram);
        }
        json.put("work_bytes", plan.workBytes());
        json.putObject("time")
                .put("seconds", plan.time().seconds())
                .put("calibration_seconds", plan.time().calibrationSeconds())
                .put("propagation_seconds", plan.time().propagationSeconds())
                .put("factorization_seconds", plan.time().factorizationSeconds())
                .put("calibration_flops", plan.time().calibrationFlops())
                .put("propagation_flops", plan.time().propagationFlops())
                .put("factorization_flops", plan.time().factorizationFlops())
                .put("flops_per_second", plan.time().flopsPerSecond())
                .put("basis", plan.time().basis());
        var projections = json.putArray("projections");
        for (Allocation allocation : plan.allocations()) {
            Projection p = allocation.projection();
            ObjectNode entry = projections.addObject();
            entry.put("name", p.name()).put("d1", p.d1()).put("d2", p.d2());
            boolean dense = allocation.isDense();
            entry.put("k", dense ? null : (Integer) allocation.k());
            entry.put("s", dense ? null : (Integer) allocation.s());
            entry.put("group", allocation.group().map(SharingGroup::name).orElse(null));
            entry.put("bytes", allocation.bytes()).put("ratio", allocation.ratio());
            ObjectNode formulas = entry.putObject("paper");
            if (recipe.method().lowRank()) {
                formulas.put("rank", rank(allocation));
            } else if (recipe.method().sparse()) {
                PaperFormulas.Size fourteen = fourteen(allocation);
                PaperFormulas.Size full = full(allocation);
                formulas.put("k_14_bit", fourteen.k()).put("s_14_bit", fourteen.s());
                formulas.put("k_full", full.k()).put("s_full", full.s());
            }
        }
        return json;
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
    }
}
