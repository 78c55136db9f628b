package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import io.cospadi.decoder.DenseLinear;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.LowRankLinear;
import io.cospadi.decoder.SparseLinear;
import io.cospadi.quantization.Precision;
import java.util.function.Supplier;

/** A factored projection made ready to compute as it is stored, from a compact folder or from one part of a job. */
final class StoredLinear {
    private final TensorSource source;
    private final Precision precision;
    private final Backend backend;
    private final SharedMatrices shared;

    /** @param shared what members of one group load once */
    StoredLinear(TensorSource source, Precision precision, Backend backend, SharedMatrices shared) {
        this.source = source;
        this.precision = precision;
        this.backend = backend;
        this.shared = shared;
    }

    /**
     * Loads a projection; the caller closes it.
     *
     * @param bias (1, d2) F32 or null; owned from here on, also if this fails
     */
    Linear load(String projection, CompactModule module, Matrix bias) {
        try {
            if (module instanceof CompactModule.Sparse sparse) {
                return sparse(projection, sparse, bias);
            }
            if (module instanceof CompactModule.Rounded rounded) {
                return rounded(projection, rounded, bias);
            }
            return lowRank(projection, (CompactModule.LowRank) module, bias);
        } catch (RuntimeException | Error e) {
            close(bias);
            throw e;
        }
    }

    private Linear sparse(String projection, CompactModule.Sparse sparse, Matrix bias) {
        Matrix dictionary = dictionary(projection, sparse);
        SparseMatrix codes = null;
        try {
            codes = backend.upload(new StoredCodes(source, projection, sparse, precision).read());
            return new SparseLinear(dictionary, codes, bias);
        } catch (RuntimeException | Error e) {
            close(dictionary);
            if (codes != null) {
                codes.close();
            }
            throw e;
        }
    }

    private Matrix dictionary(String projection, CompactModule.Sparse sparse) {
        String stem = sparse.dictionaryStem(projection);
        return ofGroup(
                sparse.group(),
                stem,
                () -> precision.dictionaryLevels()
                        ? StoredLevels.dictionary(source, projection, sparse, precision)
                                .load(backend)
                        : source.weight(stem + ".weight", backend));
    }

    private Matrix ofGroup(String groupOrNull, String name, Supplier<Matrix> load) {
        return groupOrNull == null ? load.get() : shared.hold(backend, name, load);
    }

    private Linear rounded(String projection, CompactModule.Rounded module, Matrix bias) {
        Matrix weight =
                StoredLevels.weight(source, projection, module, precision).load(backend);
        try {
            return new DenseLinear(weight, bias);
        } catch (RuntimeException | Error e) {
            close(weight);
            throw e;
        }
    }

    private Linear lowRank(String projection, CompactModule.LowRank module, Matrix bias) {
        String downName = module.downName(projection);
        Matrix down = ofGroup(module.group(), downName, () -> source.weight(downName, backend));
        Matrix up = null;
        try {
            up = source.weight(CompactFormat.upName(projection), backend);
            return new LowRankLinear(down, up, bias);
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
}
