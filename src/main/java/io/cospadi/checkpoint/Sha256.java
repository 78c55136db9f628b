package io.cospadi.checkpoint;

import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/** SHA-256 of files and bytes, in lower-case hexadecimal. */
public final class Sha256 {
    private static final int CHUNK_BYTES = 1 << 20;

    private Sha256() {}

    /** A fresh digest. */
    public static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Ends a digest. */
    public static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Of bytes in memory. */
    public static String of(byte[] bytes) {
        MessageDigest digest = digest();
        digest.update(bytes);
        return hex(digest);
    }

    /**
     * Of a whole file.
     *
     * @param bytesRead told the bytes of each piece read
     * @throws CospadiException if it can't be read
     */
    public static String of(Path file, LongConsumer bytesRead) {
        MessageDigest digest = digest();
        update(digest, file, bytesRead);
        return hex(digest);
    }

    static void update(MessageDigest digest, Path file, LongConsumer bytesRead) {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (channel.read(chunk) >= 0) {
                digest.update(chunk.flip());
                bytesRead.accept(chunk.limit());
                chunk.clear();
            }
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
    }
}
