package io.cospadi.compression;

import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.function.Supplier;

/**
 * Reads stored tensors beside everything else and keeps nothing of them: whoever loads them next finds them in the operating
 * system's memory rather than on a disk, and is the one who is told what is wrong with them.
 */
final class FilesAhead implements AutoCloseable {
    private static final int CHUNK_BYTES = 1 << 20;

    private Thread reader;
    private volatile long bytes;

    /**
     * Begins to read, in place of what is still left of an earlier call.
     *
     * @param tensors looked up and read one after the other, by a thread of this; the first that fails is the last
     */
    void read(List<Supplier<StoredTensor>> tensors) {
        close();
        if (!tensors.isEmpty()) {
            reader = new Thread(() -> readAll(tensors), "files-ahead");
            reader.setDaemon(true);
            reader.start();
        }
    }

    /** Bytes read so far. */
    long bytes() {
        return bytes;
    }

    private void readAll(List<Supplier<StoredTensor>> tensors) {
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
        try {
            for (Supplier<StoredTensor> tensor : tensors) {
                read(tensor.get(), chunk);
            }
        } catch (IOException | CospadiException e) {
            // closed meanwhile, or for whoever loads it
        }
    }

    private void read(StoredTensor tensor, ByteBuffer chunk) throws IOException {
        try (FileChannel file = FileChannel.open(tensor.file())) {
            long at = tensor.begin();
            while (at < tensor.end()) {
                chunk.clear().limit((int) Math.min(CHUNK_BYTES, tensor.end() - at));
                int count = file.read(chunk, at);
                if (count < 0) {
                    throw new IOException(tensor.file() + " ends at byte " + at);
                }
                at += count;
                bytes += count;
            }
        }
    }

    /** Ends the reading, wherever it is. */
    @Override
    public void close() {
        if (reader == null) {
            return;
        }
        reader.interrupt(); // which closes the channel that it reads
        boolean interrupted = false;
        while (reader.isAlive()) {
            try {
                reader.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        reader = null;
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
