package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.ByteCount;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;

/**
 * The hidden states of many windows between two layers. The first windows stay in the backend's memory, up to a byte limit;
 * the others live in one temporary file, little-endian f32, and pass through a single staging matrix. The file is unlinked as
 * soon as it is open, so nothing is left behind even by a kill.
 */
final class HiddenStates implements AutoCloseable {
    private static final int TRANSFER_BYTES = 4 << 20;

    private final Backend backend;
    private final int cols;
    private final Matrix[] resident;
    private final int[] lengths;
    private final long[] offsets;
    private final Workspace staging;
    private final Path folder;
    private FileChannel spill;
    private ByteBuffer transfer;

    /**
     * @param lengths        rows of each window
     * @param bytesInMemory  windows are kept in memory while their sum is at most this
     * @param folder         where the spill file is made if one is needed
     */
    HiddenStates(Backend backend, int[] lengths, int cols, long bytesInMemory, Path folder) {
        this.backend = backend;
        this.cols = cols;
        this.lengths = lengths.clone();
        this.folder = folder;
        this.resident = new Matrix[lengths.length];
        this.offsets = new long[lengths.length];
        this.staging = new Workspace(backend, cols);
        try {
            long used = 0;
            long spilled = 0;
            for (int i = 0; i < lengths.length; i++) {
                long bytes = 4L * lengths[i] * cols;
                if (spilled == 0 && used + bytes <= bytesInMemory) {
                    resident[i] = backend.allocate(lengths[i], cols, DType.F32);
                    used += bytes;
                } else {
                    offsets[i] = spilled;
                    spilled += bytes;
                }
            }
            if (spilled > 0) {
                openSpill(spilled);
            }
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    /**
     * The states before the first layer: all windows embedded.
     *
     * @param windows token ids, each window at least one and at most the model's positions
     */
    static HiddenStates embedded(Decoder decoder, List<int[]> windows, long bytesInMemory, Path folder) {
        for (int[] ids : windows) {
            if (ids.length < 1 || ids.length > decoder.config().maxPositions()) {
                throw new IllegalArgumentException("a window of " + ids.length + " tokens; the model takes 1 to "
                        + decoder.config().maxPositions());
            }
        }
        int[] lengths = windows.stream().mapToInt(ids -> ids.length).toArray();
        HiddenStates states =
                new HiddenStates(decoder.backend(), lengths, decoder.config().hiddenSize(), bytesInMemory, folder);
        try {
            for (int window = 0; window < lengths.length; window++) {
                decoder.embed(windows.get(window), states.create(window));
                states.save(window);
            }
            return states;
        } catch (RuntimeException | Error failure) {
            states.close();
            throw failure;
        }
    }

    /** Rows of the longest window; 0 if there is none. */
    int longest() {
        return Arrays.stream(lengths).max().orElse(0);
    }

    private void openSpill(long bytes) {
        try {
            long free = Files.getFileStore(folder).getUsableSpace();
            if (free < bytes) {
                throw new CospadiException("activations need " + ByteCount.format(bytes) + " of temporary space in "
                        + folder + ", " + ByteCount.format(free) + " are free; make room, or use fewer windows");
            }
            Path file = Files.createTempFile(folder, "activations-", ".tmp");
            try {
                spill = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw failed("opened", e);
        }
        transfer = ByteBuffer.allocateDirect(TRANSFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** What the windows that stay in memory take. */
    long bytesInMemory() {
        long bytes = 0;
        for (Matrix matrix : resident) {
            bytes += matrix == null ? 0 : 4L * matrix.rows() * matrix.cols();
        }
        return bytes;
    }

    boolean spills() {
        return spill != null;
    }

    /** A matrix of the window's shape to be filled, before its first {@link #save}. */
    Matrix create(int window) {
        return resident[window] != null ? resident[window] : staging.rows(lengths[window]);
    }

    /** The window's states, to be read or changed in place; valid until another window is opened. */
    Matrix open(int window) {
        if (resident[window] != null) {
            return resident[window];
        }
        Matrix staged = staging.rows(lengths[window]);
        forEachPiece(window, (from, rows, position) -> {
            transfer.clear().limit(rows * cols * Float.BYTES);
            while (transfer.hasRemaining()) {
                if (spill.read(transfer, position + transfer.position()) < 0) {
                    throw new IOException("the file ends early");
                }
            }
            backend.load(staged.rows(from, rows), transfer.flip(), DType.F32);
        });
        return staged;
    }

    /** Keeps what the matrix from {@link #create} or {@link #open} holds now. */
    void save(int window) {
        if (resident[window] != null) {
            return;
        }
        Matrix staged = staging.rows(lengths[window]);
        forEachPiece(window, (from, rows, position) -> {
            transfer.clear();
            transfer.asFloatBuffer().put(backend.readFloats(staged.rows(from, rows)));
            transfer.limit(rows * cols * Float.BYTES);
            while (transfer.hasRemaining()) {
                spill.write(transfer, position + transfer.position());
            }
        });
    }

    @FunctionalInterface
    private interface Piece {
        void transfer(int fromRow, int rows, long position) throws IOException;
    }

    private void forEachPiece(int window, Piece piece) {
        int step = Math.max(1, TRANSFER_BYTES / (cols * Float.BYTES));
        for (int from = 0; from < lengths[window]; from += step) {
            try {
                piece.transfer(
                        from,
                        Math.min(step, lengths[window] - from),
                        offsets[window] + (long) from * cols * Float.BYTES);
            } catch (IOException e) {
                throw failed("used", e);
            }
        }
    }

    private CospadiException failed(String what, IOException cause) {
        return new CospadiException(
                "the temporary file for activations in " + folder + " can't be " + what + ": " + cause.getMessage()
                        + "; choose a folder with room, or use fewer windows",
                cause);
    }

    @Override
    public void close() {
        for (Matrix matrix : resident) {
            if (matrix != null) {
                matrix.close();
            }
        }
        staging.close();
        if (spill != null) {
            try {
                spill.close();
            } catch (IOException e) {
                throw failed("closed", e);
            }
        }
    }
}
