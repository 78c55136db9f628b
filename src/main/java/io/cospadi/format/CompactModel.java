package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.decoder.DenseLinear;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.LowRankLinear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SparseLinear;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A compact folder, open for computing. A factored projection computes as it is stored, z = x D and then y = z S: W is
 * never made. The dictionary becomes f32 in the backend's memory; codes are unpacked once while loading (8 bytes a nonzero,
 * for that moment and one projection) and then held packed by the backend. Levels are turned into the bf16 numbers that they
 * stand for while loading: they save room on disk, not in memory.
 */
public final class CompactModel implements ModelWeights {
    private final Checkpoint checkpoint;
    private final CompactBlock block;
    private final DenseWeights rest;

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
        if (module instanceof CompactModule.Rounded rounded) {
            return rounded(projection, rounded, backend);
        }
        return module instanceof CompactModule.Sparse sparse
                ? sparse(projection, sparse, backend)
                : lowRank(projection, (CompactModule.LowRank) module, backend);
    }

    private Linear sparse(Projection projection, CompactModule.Sparse sparse, Backend backend) {
        String name = projection.name();
        Matrix dictionary = null;
        SparseMatrix codes = null;
        try {
            dictionary = dictionary(name, sparse, backend);
            codes = backend.upload(
                    new StoredCodes(TensorSource.of(checkpoint), name, sparse, block.precision()).read());
            return new SparseLinear(dictionary, codes, rest.biasOrNull(projection, backend));
        } catch (RuntimeException | Error e) {
            close(dictionary);
            if (codes != null) {
                codes.close();
            }
            throw e;
        }
    }

    private Matrix dictionary(String projection, CompactModule.Sparse sparse, Backend backend) {
        return block.precision().dictionaryLevels()
                ? StoredLevels.dictionary(TensorSource.of(checkpoint), projection, sparse, block.precision())
                        .load(backend)
                : weight(sparse.dictionaryStem(projection) + ".weight", backend);
    }

    private Linear rounded(Projection projection, CompactModule.Rounded module, Backend backend) {
        Matrix weight = StoredLevels.weight(TensorSource.of(checkpoint), projection.name(), module, block.precision())
                .load(backend);
        try {
            return new DenseLinear(weight, rest.biasOrNull(projection, backend));
        } catch (RuntimeException | Error e) {
            close(weight);
            throw e;
        }
    }

    private Linear lowRank(Projection projection, CompactModule.LowRank module, Backend backend) {
        Matrix down = null;
        Matrix up = null;
        try {
            down = weight(module.downName(projection.name()), backend);
            up = weight(CompactFormat.upName(projection.name()), backend);
            return new LowRankLinear(down, up, rest.biasOrNull(projection, backend));
        } catch (RuntimeException | Error e) {
            close(down);
            close(up);
            throw e;
        }
    }

    private static void close(Matrix matrix) {
        if (matrix != null) {
            matrix.close();
        }
    }

    @Override
    public void close() {
        rest.close();
    }
}
