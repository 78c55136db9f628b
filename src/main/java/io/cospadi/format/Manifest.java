package io.cospadi.format;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.SortedMap;

/**
 * {@code cospadi/manifest.json}: {@code format_version}, the job's provenance, {@code sizes}, and of every targeted
 * projection its module (null where it stays dense), bytes and diagnostics but for the times. Equal runs give equal bytes.
 */
final class Manifest {
    private Manifest() {}

    static ObjectNode of(
            CompactDescription description,
            Collection<PartFile> parts,
            CompactSizes sizes,
            SortedMap<String, Long> fileBytes) {
        ObjectNode manifest = JsonNodeFactory.instance.objectNode();
        manifest.put("format_version", CompactFormat.VERSION);
        manifest.setAll(description.provenance());
        manifest.set("sizes", sizes(sizes, fileBytes));
        ObjectNode projections = manifest.putObject("projections");
        for (PartFile part : parts) {
            ObjectNode entry = projections.putObject(part.projection());
            entry.set("module", part.module().map(CompactBlock::toJson).orElse(entry.nullNode()));
            entry.put("relative_error", part.diagnostics().relativeError());
            entry.put("rounds", part.diagnostics().errorByRound().length);
            entry.put("atoms_replaced", part.diagnostics().atomsReplaced());
            entry.put("rank", part.diagnostics().rank());
            entry.put("gram_shift", part.diagnostics().gramShift());
        }
        return manifest;
    }

    /** What {@link Verifier} recomputes. */
    static ObjectNode sizes(CompactSizes sizes, SortedMap<String, Long> fileBytes) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("projection_bytes", sizes.projectionBytes());
        json.put("projection_base_bytes", sizes.projectionBaseBytes());
        json.put("file_bytes", sizes.fileBytes());
        json.put("base_file_bytes", sizes.baseFileBytes());
        ObjectNode files = json.putObject("files");
        fileBytes.forEach(files::put);
        return json;
    }
}
