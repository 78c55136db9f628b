package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Footprint;
import io.cospadi.benchmark.BenchCase;
import io.cospadi.gpu.CudaDevices;
import io.cospadi.gpu.CudaUnavailableException;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Option;

/** A benchmark's cases told from shapes and headers, with no backend opened: what it would cost, and whether its arguments hold. */
final class DryRun {
    @Option(
            names = "--dry-run",
            description = "List the cases with their bytes, operations and memory; measure nothing.")
    boolean asked;

    /** As the backend that would be taken holds weights. */
    static Footprint footprint(SharedOptions shared) {
        shared.threads();
        if (shared.backend != null && !shared.backend.equals("auto")) {
            return shared.backend.equals("cuda") ? Footprint.CUDA : Footprint.CPU;
        }
        try {
            CudaDevices.list();
            return Footprint.CUDA;
        } catch (CudaUnavailableException e) {
            return Footprint.CPU;
        }
    }

    /** @param of the shape or the model */
    static void tell(String of, List<BenchCase> cases, Footprint footprint, SharedOptions shared, Terminal terminal) {
        long memory = cases.stream().mapToLong(BenchCase::memory).max().orElse(0);
        String backend = footprint.name().toLowerCase(Locale.ROOT);
        if (shared.json) {
            BuildInfo build = BuildInfo.read();
            ObjectNode json = JsonNodeFactory.instance.objectNode();
            json.put("program", build.toString()).put("commit", build.commit());
            json.put("dry_run", true).put("of", of).put("backend", backend).put("memory_bytes", memory);
            ArrayNode list = json.putArray("cases");
            cases.forEach(each -> put(each, list.addObject()));
            terminal.json(json);
            return;
        }
        TextTable table = new TextTable("kernel", "on", "shape", "bytes", "GFLOP", "memory");
        for (BenchCase each : cases) {
            table.row(
                    each.kernel(),
                    each.on(),
                    each.shape(),
                    each.bytes() == 0 ? "" : Quantities.bytes((long) each.bytes()),
                    each.flops() == 0 ? "" : String.format(Locale.ROOT, "%.4g", each.flops() / 1e9),
                    Quantities.bytes(each.memory()));
        }
        terminal.out()
                .printf(
                        Locale.ROOT,
                        "%s%s of %s as --backend %s holds it, up to %s at once; nothing is measured%n",
                        table,
                        Quantities.count(cases.size(), "case"),
                        of,
                        backend,
                        Quantities.bytes(memory));
    }

    private static void put(BenchCase each, ObjectNode json) {
        json.put("kernel", each.kernel()).put("on", each.on()).put("shape", each.shape());
        if (each.bytes() != 0) {
            json.put("bytes", each.bytes());
        }
        if (each.flops() != 0) {
            json.put("flops", each.flops());
        }
        json.put("memory_bytes", each.memory());
    }
}
