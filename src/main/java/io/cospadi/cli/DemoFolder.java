package io.cospadi.cli;

import io.cospadi.factorization.Method;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Where the demo works: model and texts, one compact folder a method, the report. It is its own to replace. */
final class DemoFolder implements AutoCloseable {
    /** Nothing else may be there, so that no folder of the user's is taken for an earlier demo. */
    private static final Set<String> OWN = Set.of(
            DemoModel.NAME,
            "calibration.txt",
            "heldout.txt",
            "cospadi",
            "cospadi.work",
            "svd-llm",
            "svd-llm.work",
            "report.html",
            ".lock");

    private static final List<Method> METHODS = List.of(Method.COSPADI, Method.SVD_LLM);

    private final Path folder;
    private final DemoModel model;
    private final FileChannel lock;

    private DemoFolder(Path folder, DemoModel model, FileChannel lock) {
        this.folder = folder;
        this.model = model;
        this.lock = lock;
    }

    /**
     * Makes the folder and puts the model there. What an earlier demo left is removed, finished or not: this one shows it
     * all anew, and is over sooner than one can wonder what a resumed one did.
     *
     * @throws CospadiException if the folder holds anything that is not a demo's, or another demo is at work in it
     */
    static DemoFolder prepare(Path folder) throws IOException {
        if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            requireOwn(folder);
        }
        Files.createDirectories(folder);
        FileChannel lock = lock(folder);
        try {
            for (Method method : METHODS) {
                deleteTree(folder.resolve(method.option()));
                deleteTree(folder.resolve(method.option() + ".work"));
            }
            return new DemoFolder(folder, DemoModel.extract(folder), lock);
        } catch (IOException | RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    private static FileChannel lock(Path folder) throws IOException {
        FileChannel channel =
                FileChannel.open(folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            // held within this very process: the same answer
        }
        channel.close();
        throw new CospadiException("another demo is at work in " + folder + "; wait for it, or name another --out");
    }

    private static void requireOwn(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new CospadiException("--out " + folder + " exists and is no folder; name another one");
        }
        try (Stream<Path> entries = Files.list(folder)) {
            TreeSet<String> foreign = entries.map(entry -> entry.getFileName().toString())
                    .filter(name -> !OWN.contains(name.replaceAll("\\.part$", "")))
                    .collect(Collectors.toCollection(TreeSet::new));
            if (!foreign.isEmpty()) {
                throw new CospadiException("--out " + folder + " holds " + foreign.first()
                        + ", which is not the demo's; name a new folder");
            }
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> tree = Files.walk(root)) {
            for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** What is compared, in order of the table. */
    List<Method> methods() {
        return METHODS;
    }

    Path path() {
        return folder;
    }

    DemoModel model() {
        return model;
    }

    /** Where a method's compact folder appears. */
    Path compact(Method method) {
        return folder.resolve(method.option());
    }

    /** All of them on one page. */
    Path report() {
        return folder.resolve("report.html");
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
