package io.cospadi.checkpoint;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** What a failed read or write failed over, for a message that names the file itself. */
public final class FileFailure {
    private FileFailure() {}

    /** "permission denied", "no space left on device", .. */
    public static String reason(IOException e) {
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (e instanceof NoSuchFileException missing) {
            return StrictJson.oneLine(missing.getFile()) + " does not exist";
        }
        if (e instanceof FileSystemException system && system.getReason() != null) {
            return StrictJson.oneLine(system.getReason());
        }
        return e.getClass() == IOException.class
                ? StrictJson.oneLine(e.getMessage())
                : e.getClass().getSimpleName() + ": " + StrictJson.oneLine(e.getMessage());
    }
}
