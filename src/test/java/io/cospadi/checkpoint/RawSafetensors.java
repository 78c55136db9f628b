package io.cospadi.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/** A safetensors file taken apart, so that tests can put it together wrongly. */
final class RawSafetensors {
    private RawSafetensors() {}

    static byte[] bytes(byte[] header, byte[] data) {
        return ByteBuffer.allocate(8 + header.length + data.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .put(data)
                .array();
    }

    static void write(Path file, String header, byte[] data) {
        write(file, bytes(header.getBytes(StandardCharsets.UTF_8), data));
    }

    static void write(Path file, byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static int headerBytes(byte[] file) {
        return (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    }

    static String header(byte[] file) {
        return new String(file, 8, headerBytes(file), StandardCharsets.UTF_8).stripTrailing();
    }

    static byte[] data(byte[] file) {
        return Arrays.copyOfRange(file, 8 + headerBytes(file), file.length);
    }

    /** Replaces the header, whose length field follows; the data stays. */
    static void editHeader(Path file, UnaryOperator<String> edit) {
        byte[] old = read(file);
        String edited = edit.apply(header(old));
        if (edited.equals(header(old))) {
            throw new IllegalStateException("the edit changed nothing in " + header(old));
        }
        write(file, edited, data(old));
    }

    /** Sets the length field. */
    static void setHeaderLength(Path file, long length) {
        byte[] bytes = read(file);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        write(file, bytes);
    }
}
