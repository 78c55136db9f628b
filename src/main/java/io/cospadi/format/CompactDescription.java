package io.cospadi.format;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.util.Map;

/**
 * What a compact folder says about itself beside its tensors. Nothing here may differ between equal runs: no times, no
 * hosts.
 *
 * @param method      as on the command line
 * @param baseModel   name of the base model, or null
 * @param baseCommit  its revision, or null
 * @param precision   bits of the factors, as in every part
 * @param maskGroups  rule the masks obey
 * @param ratioTarget asked for
 * @param shardBytes  tensor bytes in one file, see {@link io.cospadi.checkpoint.ShardedWriter#SHARD_BYTES}
 * @param provenance  goes into the manifest as it is: tool, recipe, calibration, base; not copied
 * @param files       more files to write and checksum, by path in the folder, such as {@code cospadi/recipe.yaml}
 */
public record CompactDescription(
        String method,
        String baseModel,
        String baseCommit,
        Precision precision,
        MaskGroups maskGroups,
        double ratioTarget,
        long shardBytes,
        ObjectNode provenance,
        Map<String, byte[]> files) {}
