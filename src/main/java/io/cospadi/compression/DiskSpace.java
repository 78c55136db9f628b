package io.cospadi.compression;

import io.cospadi.checkpoint.FileFailure;
import io.cospadi.tensor.ByteCount;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Room on a disk, asked for before anything is computed rather than missed after hours. */
final class DiskSpace {
    private DiskSpace() {}

    /**
     * Makes sure that a folder, which need not be there yet, can take so many bytes more.
     *
     * @throws CospadiException if its disk has fewer left
     */
    static void require(Path folder, long bytes) {
        try {
            long free = Files.getFileStore(existing(folder)).getUsableSpace();
            if (free < bytes) {
                throw new CospadiException(folder + " needs up to " + ByteCount.format(bytes) + ", its disk has "
                        + ByteCount.format(free) + " left; free some space or choose another --out");
            }
        } catch (IOException e) {
            throw new CospadiException(
                    folder + ": can't ask for the free space (" + FileFailure.reason(e) + "); choose another --out", e);
        }
    }

    private static Path existing(Path folder) {
        Path path = folder.toAbsolutePath().normalize();
        while (!Files.exists(path) && path.getParent() != null) {
            path = path.getParent();
        }
        return path;
    }
}
