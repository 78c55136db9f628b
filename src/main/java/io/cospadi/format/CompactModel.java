package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.ModelWeights;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A compact folder, open for computing. A factored projection computes as it is stored, z = x D and then y = z S: W is
 * never kept. The dictionary becomes f32 in the backend's memory, once where several share it; codes are unpacked once while
 * loading (8 bytes a nonzero, for that moment and one projection) and then held packed by the backend. Levels are turned into
 * the bf16 numbers that they stand for while loading: they save room on disk, not in memory.
 */
public final class CompactModel implements ModelWeights {
    private final Checkpoint checkpoint;
    private final CompactBlock block;
    private final DenseWeights rest;
    private final SharedMatrices shared = new SharedMatrices();

    private CompactModel(Checkpoint checkpoint, CompactBlock block) {
        this.checkpoint = checkpoint;
        this.block = block;
        this.rest = new DenseWeights(checkpoint);
    }

    /**
     * Opens a compact folder and checks config.json, the headers and that every tensor the format asks for is there in its
     * type and shape; no data is read.
     *
     * @throws io.cospadi.tensor.CospadiException naming file and tensor, found and expected
     */
    public static CompactModel open(Path folder) {
        return of(Checkpoint.open(folder));
    }

    /** The same for an open checkpoint, which belongs to the model from here on. */
    static CompactModel of(Checkpoint checkpoint) {
        try {
            CompactBlock block = new CompactBlockReader(
                            checkpoint.folder().resolve("config.json"), checkpoint.compactBlock(), checkpoint.config())
                    .read();
            new CompactTensors(checkpoint, block).require();
            return new CompactModel(checkpoint, block);
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    /** What config.json says about the compression. */
    public CompactBlock block() {
        return block;
    }

    /** The headers underneath. */
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /** The shape in which a projection is stored; empty where it is dense. */
    public Optional<CompactModule> module(Projection projection) {
        return Optional.ofNullable(block.modules().get(projection.name()));
    }

    /** What the folder weighs, counted from its headers. */
    public CompactSizes sizes() {
        return new CompactTensors(checkpoint, block).sizes();
    }

    @Override
    public ModelConfig config() {
        return checkpoint.config();
    }

    @Override
    public boolean has(String name) {
        return checkpoint.has(name);
    }

    @Override
    public Matrix tensor(String name, Backend backend) {
        return rest.tensor(name, backend);
    }

    @Override
    public void gatherRows(String name, int[] rows, Matrix out, Backend backend) {
        rest.gatherRows(name, rows, out, backend);
    }

    @Override
    public Matrix weight(String name, Backend backend) {
        return rest.weight(name, backend);
    }

    @Override
    public Linear projection(Projection projection, Backend backend) {
        CompactModule module = block.modules().get(projection.name());
        if (module == null) {
            return rest.projection(projection, backend);
        }
        return new StoredLinear(TensorSource.of(checkpoint), block.precision(), backend, shared)
                .load(projection.name(), module, rest.biasOrNull(projection, backend));
    }

    @Override
    public void close() {
        rest.close();
    }
}
