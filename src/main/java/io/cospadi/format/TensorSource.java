package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.quantization.MalformedRowException;
import io.cospadi.tensor.CospadiException;
import java.nio.ByteBuffer;

/** Where factors are read from: a compact folder, or one part of a job. */
interface TensorSource {
    /** The tensor of that name; throws CospadiException where there is none. */
    StoredTensor tensor(String name);

    /** Rows of a tensor, mapped, little-endian. */
    ByteBuffer map(StoredTensor tensor, int firstRow, int rows);

    /** A whole tensor as a factor of products, in the type that the backend keeps weights in; the caller closes it. */
    Matrix weight(String name, Backend backend);

    /** What to do about damage. */
    String remedy();

    static TensorSource of(Checkpoint checkpoint) {
        return new TensorSource() {
            @Override
            public StoredTensor tensor(String name) {
                return checkpoint.tensor(name);
            }

            @Override
            public ByteBuffer map(StoredTensor tensor, int firstRow, int rows) {
                return checkpoint.map(tensor, firstRow, rows);
            }

            @Override
            public Matrix weight(String name, Backend backend) {
                return checkpoint.loadWeight(name, backend);
            }

            @Override
            public String remedy() {
                return "the compact folder is damaged: copy or compress it again";
            }
        };
    }

    static TensorSource of(SafetensorsFile file) {
        return new TensorSource() {
            @Override
            public StoredTensor tensor(String name) {
                return file.tensor(name);
            }

            @Override
            public ByteBuffer map(StoredTensor tensor, int firstRow, int rows) {
                return file.map(tensor, firstRow, rows);
            }

            @Override
            public Matrix weight(String name, Backend backend) {
                StoredTensor tensor = tensor(name);
                Matrix matrix = backend.allocateWeight(tensor.rows(), tensor.cols(), tensor.dtype());
                try {
                    backend.load(matrix, file.map(tensor), tensor.dtype());
                    return matrix;
                } catch (RuntimeException | Error e) {
                    matrix.close();
                    throw e;
                }
            }

            @Override
            public String remedy() {
                return "delete the file and run the job again";
            }
        };
    }

    /** What to throw for a row of a tensor that breaks a rule. */
    default CospadiException malformed(StoredTensor tensor, int row, String defect) {
        return new CospadiException(
                tensor.file() + ": tensor " + tensor.name() + ": row " + row + " has " + defect + "; " + remedy());
    }

    /** The same for a row of one of three tensors; {@code firstRow} is where reading began. */
    default CospadiException malformed(
            MalformedRowException e, int firstRow, StoredTensor mask, StoredTensor values, StoredTensor scales) {
        StoredTensor tensor =
                switch (e.where()) {
                    case MASK -> mask;
                    case VALUES -> values;
                    case SCALES -> scales;
                };
        return malformed(tensor, firstRow + e.row(), e.defect());
    }
}
