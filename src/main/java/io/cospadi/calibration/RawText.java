package io.cospadi.calibration;

import io.cospadi.checkpoint.FileFailure;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A text file exactly as it is: UTF-8, no newline translation, a byte-order mark kept. */
public final class RawText {
    private static final long MAX_BYTES = 1L << 30;

    private RawText() {}

    /**
     * The file's text.
     *
     * @throws CospadiException if it is missing, unreadable, above 1 GiB, or not UTF-8; names the file
     */
    public static String read(Path file) {
        try {
            long bytes = Files.size(file);
            if (bytes > MAX_BYTES) {
                throw new CospadiException(file + ": " + bytes + " bytes of text, at most " + MAX_BYTES
                        + " are tokenised at once; split the file, or give .jsonl or token ids");
            }
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
                    .toString();
        } catch (NoSuchFileException e) {
            throw new CospadiException(file + ": no such file, expected text", e);
        } catch (CharacterCodingException e) {
            throw new CospadiException(file + ": not valid UTF-8, expected text; convert it to UTF-8", e);
        } catch (IOException e) {
            throw new CospadiException(
                    file + ": can't be read: " + FileFailure.reason(e) + "; change its rights or name another file", e);
        }
    }
}
