package io.cospadi.format;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The stored tensors of a compact folder against its {@code cospadi} block. */
final class CompactTensors {
    private final Checkpoint checkpoint;
    private final CompactBlock block;

    CompactTensors(Checkpoint checkpoint, CompactBlock block) {
        this.checkpoint = checkpoint;
        this.block = block;
    }

    /**
     * Everything the format asks for is there, in its type and shape, and nothing that contradicts it.
     *
     * @throws CospadiException naming file and tensor
     */
    void require() {
        checkpoint.requireBesideProjections();
        Set<String> known = new HashSet<>();
        for (Projection projection : checkpoint.config().projections()) {
            CompactModule module = block.modules().get(projection.name());
            if (module == null) {
                checkpoint.requireProjection(projection);
                continue;
            }
            for (TensorSpec spec : module.tensors(projection.name(), block.precision())) {
                requireTensor(spec);
                known.add(spec.name());
            }
            if (checkpoint.has(projection.weightName())) {
                throw stray(projection.weightName(), "a factored projection has no dense weight beside its factors");
            }
        }
        for (String name : checkpoint.tensors().keySet()) {
            if (CompactFormat.reserves(name, checkpoint.config()) && !known.contains(name)) {
                throw stray(name, "no module in config.json refers to it");
            }
        }
    }

    private void requireTensor(TensorSpec spec) {
        StoredTensor stored = checkpoint.tensor(spec.name());
        if (stored.dtype() != spec.dtype() || !Arrays.equals(stored.shape(), spec.shape())) {
            throw new CospadiException(stored.file() + ": tensor " + spec.name() + " is " + stored.describe()
                    + ", expected " + Arrays.toString(spec.shape()) + " " + spec.dtype()
                    + " by config.json; the compact folder is damaged: copy or compress it again");
        }
    }

    private CospadiException stray(String name, String why) {
        return new CospadiException(checkpoint.tensor(name).file() + ": tensor " + name + " is stored, expected not: "
                + why + "; the compact folder is damaged: copy or compress it again");
    }

    /** Tensors that are neither the architecture's nor the format's, carried over from the base model. */
    List<String> extras() {
        List<String> extras = new ArrayList<>(checkpoint.extras());
        block.modules().forEach((name, module) -> module.tensors(name, block.precision())
                .forEach(spec -> extras.remove(spec.name())));
        return extras;
    }

    /** Sizes, counted from the headers; the base's are what the block claims. */
    CompactSizes sizes() {
        Set<String> counted = new HashSet<>();
        long projectionBytes = 0;
        long projectionBaseBytes = 0;
        for (Projection projection : checkpoint.config().projections()) {
            CompactModule module = block.modules().get(projection.name());
            if (module == null && !block.keptDense().contains(projection.name())) {
                continue;
            }
            projectionBaseBytes += 2L * projection.d1() * projection.d2();
            List<String> names = module == null
                    ? List.of(projection.weightName())
                    : module.tensors(projection.name(), block.precision()).stream()
                            .map(TensorSpec::name)
                            .toList();
            for (String name : names) {
                projectionBytes += counted.add(name) ? checkpoint.tensor(name).bytes() : 0;
            }
        }
        long fileBytes = checkpoint.files().stream()
                .mapToLong(SafetensorsFile::fileBytes)
                .sum();
        return new CompactSizes(projectionBytes, projectionBaseBytes, fileBytes, block.baseFileBytes());
    }

    /**
     * Bytes of the base's tensors at 16 bits, which with the header make {@link CompactBlock#baseFileBytes}.
     */
    long baseTensorBytes() {
        long bytes = 0;
        Map<String, long[]> dense = checkpoint.config().denseTensors();
        for (long[] shape : dense.values()) {
            bytes += 2 * Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        }
        for (String extra : extras()) {
            StoredTensor tensor = checkpoint.tensor(extra);
            bytes += tensor.dtype().isFloat() ? 2 * tensor.elements() : tensor.bytes();
        }
        return bytes;
    }
}
