package io.cospadi.compression;

import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The folder {@code DIR.work} in which one run at a time prepares DIR, or {@code DIR.I-of-N.work} for a share of it:
 *
 * <pre>
 * lock                         held while a run is at work; its contents name the process
 * fingerprint.json             what decides the result, {@link Fingerprint}
 * recipe.yaml                  the options as they were understood, {@link RecipeText}
 * share                        I/N, where it is a share's
 * events.jsonl                 {@link EventJournal}
 * tokens.ids                   the calibration's tokens, where the job's tasks are carried out elsewhere
 * grams/                       the Gram store, unless one was given
 * grams.I-of-N/                a share of it, until all are added up
 * weighed/NAME.json            what is known of a projection or group, {@link Weighed}
 * parts/NAME-HASH.safetensors  one finished projection each; HASH is of all that decides its content
 * output/                      the folder to be, until it is verified and renamed
 * replaced/                    what stood at DIR, for the moment between two renames under --force
 * </pre>
 */
final class WorkFolder implements AutoCloseable {
    /** Names of what others look for in a folder that they don't hold. */
    static final String FINGERPRINT = "fingerprint.json";

    static final String RECIPE = "recipe.yaml";
    static final String SHARE = "share";
    static final String TOKENS = "tokens.ids";
    static final String GRAMS = "grams";
    static final String EVENTS = "events.jsonl";
    static final String REPLACED = "replaced";

    /** What a run that was killed before its first checkpoint may have left. */
    private static final Set<String> OWN = Set.of("lock", EVENTS, RECIPE);

    private static final String PARTS = "parts";
    /** Hexadecimal digits of the job's identity in a part's name: 64 bits. */
    private static final int NAME_DIGITS = 16;

    private final Path folder;
    private final FileChannel lockFile;

    private WorkFolder(Path folder, FileChannel lockFile) {
        this.folder = folder;
        this.lockFile = lockFile;
    }

    /**
     * Makes the folder if it isn't there, and takes its lock, which a dying process gives back by itself.
     *
     * @throws CospadiException if another run holds it, or the place can't be written
     */
    static WorkFolder open(Path folder) {
        try {
            Files.createDirectories(folder);
            while (true) {
                Object before = fileKey(folder);
                FileChannel channel = lock(folder);
                if (before != null && before.equals(fileKey(folder))) {
                    return new WorkFolder(folder, channel);
                }
                // new, or the run that held it has just finished and removed the folder: is what is locked what others
                // find?
                channel.close();
                Files.createDirectories(folder);
            }
        } catch (IOException e) {
            throw new CospadiException(
                    "work folder " + folder + " can't be made or written (" + FileFailure.reason(e)
                            + "); choose another --out, or change the rights of "
                            + folder.toAbsolutePath().getParent(),
                    e);
        }
    }

    /**
     * Which file the lock's name stands for, null where there is none. The file is not opened for that: a process that closes
     * any descriptor of a file gives back all locks that it has on it.
     */
    private static Object fileKey(Path folder) throws IOException {
        try {
            return Files.readAttributes(folder.resolve("lock"), BasicFileAttributes.class)
                    .fileKey();
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    private static FileChannel lock(Path folder) throws IOException {
        Path file = folder.resolve("lock");
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        FileLock lock = null;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            // held by this very process: the same answer as for another one
        } finally {
            if (lock == null) {
                channel.close();
            }
        }
        if (lock == null) {
            throw new CospadiException("work folder " + folder + " is in use by another run ("
                    + Files.readString(file).strip() + "); wait until it is done, or stop it and run again to resume");
        }
        channel.truncate(0);
        channel.write(
                ByteBuffer.wrap(("process " + ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.UTF_8)),
                0);
        return channel;
    }

    /**
     * Whether the folder holds work of exactly this job; false where it is new. What earlier runs of this job were killed
     * over is removed.
     *
     * @throws CospadiException if it holds another job's, naming the field, or something else altogether
     */
    boolean isOf(Fingerprint wanted) {
        Optional<Fingerprint> found = Fingerprint.read(fingerprint());
        if (found.isEmpty()) {
            requireNew();
            return false;
        }
        wanted.firstDifference(found.get()).ifPresent(d -> {
            throw new CospadiException("work folder " + folder + " holds another job's unfinished work: its "
                    + d.field() + " is " + d.there() + ", here it is " + d.here()
                    + "; finish that job, choose another --out, or start over by removing " + folder
                    + ", which --force doesn't touch");
        });
        AtomicFile.removeLeftOvers(folder, "");
        AtomicFile.removeLeftOvers(weighed(), "");
        AtomicFile.removeLeftOvers(parts(), "");
        return true;
    }

    /** A folder that only happens to have our name is not ours to fill, and not ours to remove in the end. */
    private void requireNew() {
        try (Stream<Path> entries = Files.list(folder)) {
            Optional<Path> foreign = entries.filter(
                            entry -> !isOwn(entry.getFileName().toString()))
                    .findFirst();
            if (foreign.isPresent()) {
                throw new CospadiException(folder + " is needed for work in progress, but holds "
                        + foreign.get().getFileName()
                        + ", which is none of it; move that away or choose another --out");
            }
        } catch (IOException e) {
            throw new CospadiException(
                    folder + " can't be listed: " + FileFailure.reason(e) + "; choose another --out", e);
        }
    }

    private static boolean isOwn(String name) {
        return OWN.contains(name) || AtomicFile.isTemporary(name);
    }

    Path folder() {
        return folder;
    }

    Path fingerprint() {
        return folder.resolve(FINGERPRINT);
    }

    Path recipe() {
        return folder.resolve(RECIPE);
    }

    Path events() {
        return folder.resolve(EVENTS);
    }

    Path grams() {
        return folder.resolve(GRAMS);
    }

    Path weighed() {
        return folder.resolve("weighed");
    }

    Path parts() {
        return parts(folder);
    }

    /** Where a work folder keeps its parts. */
    static Path parts(Path work) {
        return work.resolve(PARTS);
    }

    Path share() {
        return folder.resolve(SHARE);
    }

    Path part(Projection projection, String identity) {
        return part(folder, projection, identity);
    }

    /** Where a work folder keeps the part of the job with that {@link Fingerprint#identity}, made or not. */
    static Path part(Path work, Projection projection, String identity) {
        return parts(work).resolve(projection.name() + "-" + identity.substring(0, NAME_DIGITS) + ".safetensors");
    }

    Path output() {
        return folder.resolve("output");
    }

    Path replaced() {
        return folder.resolve(REPLACED);
    }

    /** Removes everything, the lock last, so that a run that was cut off here finds a folder it can clear again. */
    void remove() {
        try {
            deleteTree(folder, folder.resolve("lock"));
            Files.deleteIfExists(folder.resolve("lock"));
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            throw new CospadiException(
                    "work folder " + folder + " can't be removed (" + FileFailure.reason(e)
                            + "); the output is complete, remove " + "the work folder by hand",
                    e);
        }
    }

    /** Deletes a tree if it is there; symbolic links are removed, not followed. */
    static void deleteTree(Path root) throws IOException {
        deleteTree(root, null);
    }

    private static void deleteTree(Path root, Path kept) throws IOException {
        if (!Files.exists(root, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (!file.equals(kept)) {
                    Files.delete(file);
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                if (kept == null || !kept.startsWith(visited)) {
                    Files.delete(visited);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** Gives the lock back. */
    @Override
    public void close() {
        try {
            lockFile.close();
        } catch (IOException e) {
            // the lock goes with the process at the latest
        }
    }
}
