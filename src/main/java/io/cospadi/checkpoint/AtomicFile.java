package io.cospadi.checkpoint;

import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A file that appears whole or not at all, also across a power cut: written beside its place as {@code .name.UNIQUE.tmp},
 * synced, renamed over the target, and the folder synced. Closing without {@link #commit} removes the temporary file. Several
 * writers of one target don't disturb each other, wherever they run: the last to commit stays. What a killed process leaves is
 * removed by {@link #removeLeftOvers}.
 */
public final class AtomicFile implements AutoCloseable {
    private static final String ENDING = ".tmp";

    private final Path target;
    private final Path temporary;
    private final FileChannel channel;
    private final MessageDigest digest;
    private boolean committed;

    private AtomicFile(Path target, Path temporary, FileChannel channel) {
        this.target = target;
        this.temporary = temporary;
        this.channel = channel;
        this.digest = Sha256.digest();
    }

    /**
     * Begins a file; its folder must exist.
     *
     * @throws CospadiException if the temporary file can't be made
     */
    public static AtomicFile create(Path target) {
        Path temporary = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ENDING);
        try {
            FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            return new AtomicFile(target, temporary, channel);
        } catch (IOException e) {
            throw unwritable(temporary, e);
        }
    }

    /** Whether a name is one that a file has before it is committed. */
    public static boolean isTemporary(String name) {
        return name.startsWith(".") && name.endsWith(ENDING);
    }

    /**
     * Removes what killed writers left in a folder, if it is there; for whoever knows that nobody writes such files now.
     *
     * @param prefix of the targets' names
     */
    public static void removeLeftOvers(Path folder, String prefix) {
        try (Stream<Path> entries = Files.list(folder)) {
            for (Path entry : (Iterable<Path>) entries::iterator) {
                String name = entry.getFileName().toString();
                if (isTemporary(name) && name.startsWith("." + prefix)) {
                    Files.deleteIfExists(entry);
                }
            }
        } catch (NoSuchFileException e) {
            // nobody has written there yet
        } catch (UncheckedIOException e) {
            throw unwritable(folder, e.getCause());
        } catch (IOException e) {
            throw unwritable(folder, e);
        }
    }

    /** Writes a small file whole. */
    public static void write(Path target, byte[] content) {
        try (AtomicFile file = create(target)) {
            file.append(ByteBuffer.wrap(content));
            file.commit();
        }
    }

    /**
     * Appends everything from the buffer's position to its limit.
     *
     * @throws CospadiException if the disk is full or fails
     */
    public void append(ByteBuffer bytes) {
        try {
            digest.update(bytes.duplicate());
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw unwritable(temporary, e);
        }
    }

    /** Makes the file appear under its name, durably. Nothing can be appended afterwards. */
    public void commit() {
        try {
            channel.force(true);
            channel.close();
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            committed = true;
            syncFolder(target.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw unwritable(target, e);
        }
    }

    /** SHA-256 of everything appended, in lower-case hexadecimal; to be asked once, after {@link #commit}. */
    public String sha256() {
        return Sha256.hex(digest);
    }

    /** Makes renames and new names inside a folder durable. */
    public static void syncFolder(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static CospadiException unwritable(Path file, IOException e) {
        return new CospadiException(
                file + ": can't be written (" + FileFailure.reason(e)
                        + "); check free space and permissions of its folder, then run the same command again",
                e);
    }

    @Override
    public void close() {
        if (committed) {
            return;
        }
        try {
            channel.close();
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            // the failure that brought us here is the one to report; a left-over is removed by the next run
        }
    }
}
