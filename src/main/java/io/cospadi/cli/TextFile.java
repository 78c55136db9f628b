package io.cospadi.cli;

import io.cospadi.checkpoint.FileFailure;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A text file, read raw. */
final class TextFile {
    private TextFile() {}

    /**
     * All of it.
     *
     * @throws CospadiException if it is missing or no UTF-8
     */
    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new CospadiException(file + " does not exist; name a UTF-8 text file", e);
        } catch (CharacterCodingException e) {
            throw new CospadiException(file + " is no UTF-8 text; convert it first", e);
        } catch (IOException e) {
            throw new CospadiException(
                    file + " can't be read: " + FileFailure.reason(e) + "; change its rights or name another file", e);
        }
    }
}
