package io.cospadi.cli;

import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Files that ship inside of the program, put on disk for code that reads folders; the folder goes when it is closed. */
final class Resource implements AutoCloseable {
    private final Path folder;
    private final List<String> names;

    private Resource(Path folder, List<String> names) {
        this.folder = folder;
        this.names = names;
    }

    /** A temporary folder with these files of a resource folder. */
    static Resource folder(String prefix, String from, List<String> names) throws IOException {
        Resource resource = new Resource(Files.createTempDirectory("cospadi-" + prefix), names);
        try {
            for (String name : names) {
                copy(from + "/" + name, resource.folder.resolve(name));
            }
        } catch (IOException | RuntimeException e) {
            resource.close();
            throw e;
        }
        return resource;
    }

    Path path() {
        return folder;
    }

    /**
     * One file, whole or not at all, replacing an older one.
     *
     * @throws CospadiException if this build lacks it
     */
    static void copy(String from, Path to) throws IOException {
        try (InputStream stream = Resource.class.getResourceAsStream(from)) {
            if (stream == null) {
                throw new CospadiException(
                        "this build lacks its own " + from + "; build it again from a clean checkout");
            }
            Path fresh = to.resolveSibling(to.getFileName() + ".part");
            Files.copy(stream, fresh, StandardCopyOption.REPLACE_EXISTING);
            Files.move(fresh, to, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    @Override
    public void close() throws IOException {
        for (String name : names) {
            Files.deleteIfExists(folder.resolve(name));
        }
        Files.deleteIfExists(folder);
    }
}
