package io.cospadi.calibration;

import io.cospadi.checkpoint.FileFailure;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps two runs from filling one store: an exclusive lock on its description, which the operating system drops with the
 * process, however that ends.
 */
final class StoreLock implements AutoCloseable {
    /** That of a store which several processes may fill at a time. */
    static final StoreLock NONE = new StoreLock(null);

    private final FileChannel channel;

    private StoreLock(FileChannel channel) {
        this.channel = channel;
    }

    /** @throws CospadiException if another run has it */
    static StoreLock acquire(Path file) {
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.WRITE);
            if (lock(channel) == null) {
                throw new CospadiException(
                        file + ": another run is filling this store; wait for it, or choose another folder");
            }
            StoreLock lock = new StoreLock(channel);
            channel = null;
            return lock;
        } catch (IOException e) {
            throw new CospadiException(
                    file + ": can't be locked: " + FileFailure.reason(e) + "; check its permissions", e);
        } finally {
            closeQuietly(channel);
        }
    }

    private static FileLock lock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null; // this process has it
        }
    }

    private static void closeQuietly(FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // nothing was written through it, and the lock goes with the descriptor
        }
    }

    @Override
    public void close() {
        closeQuietly(channel);
    }
}
