package io.cospadi.format;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which tensors a compact folder will hold, from the base model's headers and the shapes alone: what {@link CompactWriter}
 * writes, and what a plan can promise to the byte before anything is computed.
 */
public final class CompactLayout {
    /** Header metadata of every weight file, as Hugging Face writes it. */
    static final Map<String, String> METADATA = Map.of("format", "pt");

    private final List<TensorSpec> tensors;
    private final CompactSizes sizes;

    private CompactLayout(List<TensorSpec> tensors, CompactSizes sizes) {
        this.tensors = tensors;
        this.sizes = sizes;
    }

    /**
     * Lays out a compact folder.
     *
     * @param base       dense
     * @param targeted   each targeted projection's name, with its module, or empty where it stays dense
     * @param precision  bits of the factors
     * @param shardBytes tensor bytes in one file, see {@link ShardedWriter#SHARD_BYTES}
     * @throws IllegalArgumentException if a name or shape is not the model's
     * @throws CospadiException if the base holds a tensor under a name that the format needs
     */
    public static CompactLayout of(
            Checkpoint base,
            SortedMap<String, Optional<CompactModule>> targeted,
            Precision precision,
            long shardBytes) {
        SortedMap<String, String> projectionOfWeight = projectionsByWeight(base, targeted);
        List<TensorSpec> tensors = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long projectionBytes = 0;
        long projectionBaseBytes = 0;
        for (StoredTensor stored : inFileOrder(base)) {
            if (CompactFormat.reserves(stored.name(), base.config())) {
                throw new CospadiException(stored.file() + ": tensor " + stored.name()
                        + " has a name that the compact format keeps for itself; remove it from the base model");
            }
            String projection = projectionOfWeight.get(stored.name());
            Optional<CompactModule> module = projection == null ? Optional.empty() : targeted.get(projection);
            if (module.isEmpty()) {
                tensors.add(new TensorSpec(stored.name(), stored.dtype(), stored.shape()));
                projectionBytes += projection == null ? 0 : stored.bytes();
            } else {
                for (TensorSpec spec : module.get().tensors(projection, precision)) {
                    if (names.add(spec.name())) { // else a shared dictionary, laid out with its first member
                        tensors.add(spec);
                        projectionBytes += spec.bytes();
                    }
                }
            }
            projectionBaseBytes += projection == null ? 0 : 2 * stored.elements();
        }
        long fileBytes = ShardedWriter.fileBytes(tensors, METADATA, shardBytes);
        return new CompactLayout(
                Collections.unmodifiableList(tensors),
                new CompactSizes(projectionBytes, projectionBaseBytes, fileBytes, CompactSizes.baseFileBytes(base)));
    }

    private static SortedMap<String, String> projectionsByWeight(
            Checkpoint base, SortedMap<String, Optional<CompactModule>> targeted) {
        Map<String, Projection> known = new HashMap<>();
        base.config().projections().forEach(p -> known.put(p.name(), p));
        SortedMap<String, String> byWeight = new TreeMap<>();
        targeted.forEach((name, module) -> {
            Projection projection = known.get(name);
            if (projection == null) {
                throw new IllegalArgumentException(base.folder() + " has no projection " + name);
            }
            if (module.isPresent()
                    && (module.get().d1() != projection.d1() || module.get().d2() != projection.d2())) {
                throw new IllegalArgumentException(name + " is " + projection.d1() + " to " + projection.d2()
                        + " features, its factors are " + module.get());
            }
            byWeight.put(projection.weightName(), name);
        });
        return byWeight;
    }

    /** The base's tensors in the order in which they lie on disk, so that streaming them reads forward. */
    static List<StoredTensor> inFileOrder(Checkpoint base) {
        List<StoredTensor> tensors = new ArrayList<>(base.tensors().values());
        tensors.sort(Comparator.comparing(StoredTensor::file)
                .thenComparing(StoredTensor::begin)
                .thenComparing(StoredTensor::name));
        return tensors;
    }

    /** The tensors, in the order in which shards are filled. */
    public List<TensorSpec> tensors() {
        return tensors;
    }

    /** What they weigh. */
    public CompactSizes sizes() {
        return sizes;
    }
}
