package io.cospadi.checkpoint;

import io.cospadi.tensor.CospadiException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.SortedMap;

/**
 * One safetensors file, open for reading. {@link #open} reads and validates the header only; data comes through memory
 * maps. Safe for use by several threads.
 */
public final class SafetensorsFile implements AutoCloseable {
    private final Path file;
    private final FileChannel channel;
    private final long fileBytes;
    private final byte[] head;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path file, FileChannel channel, long fileBytes, byte[] head, SafetensorsHeader header) {
        this.file = file;
        this.channel = channel;
        this.fileBytes = fileBytes;
        this.head = head;
        this.header = header;
    }

    /**
     * Opens {@code file} and checks every rule of the format that the header can break.
     *
     * @throws CospadiException naming file, tensor, found and expected
     */
    public static SafetensorsFile open(Path file) {
        FileChannel channel = null;
        try {
            if (!Files.isRegularFile(file)) {
                throw new CospadiException(file + ": no such file, expected a safetensors file; download it");
            }
            channel = FileChannel.open(file, StandardOpenOption.READ);
            long fileBytes = channel.size();
            if (fileBytes < SafetensorsHeader.LENGTH_BYTES) {
                throw new CospadiException(file + ": " + fileBytes + " bytes, expected at least "
                        + SafetensorsHeader.LENGTH_BYTES + "; the file is cut short: download it again");
            }
            ByteBuffer length =
                    ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            readFully(file, channel, length, 0);
            byte[] json = new byte[SafetensorsHeader.checkedLength(file, length.getLong(0), fileBytes)];
            readFully(file, channel, ByteBuffer.wrap(json), SafetensorsHeader.LENGTH_BYTES);
            SafetensorsHeader header = SafetensorsHeader.parse(file, json, fileBytes);
            SafetensorsFile opened = new SafetensorsFile(file, channel, fileBytes, json, header);
            channel = null;
            return opened;
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        } finally {
            closeQuietly(channel);
        }
    }

    /** Its path. */
    public Path file() {
        return file;
    }

    /** Length of the whole file. */
    public long fileBytes() {
        return fileBytes;
    }

    /** The header's JSON as stored; shared, not copied. */
    byte[] headerBytes() {
        return head;
    }

    /** Its tensors by name; unmodifiable. */
    public SortedMap<String, StoredTensor> tensors() {
        return header.tensors();
    }

    /** The header's {@code __metadata__}, empty where there is none; unmodifiable. */
    public SortedMap<String, String> metadata() {
        return header.metadata();
    }

    /** Whether a tensor of that name is stored. */
    public boolean has(String name) {
        return header.tensors().containsKey(name);
    }

    /**
     * The tensor of that name.
     *
     * @throws CospadiException naming file and tensor if it is not there
     */
    public StoredTensor tensor(String name) {
        StoredTensor tensor = header.tensors().get(name);
        if (tensor == null) {
            throw new CospadiException(file + ": tensor " + name + " is missing, found "
                    + header.tensors().size() + " others; download or write the file again");
        }
        return tensor;
    }

    /**
     * Maps rows {@code firstRow .. firstRow+rows-1} of a tensor: little-endian, read-only, position 0, less than 2 GiB.
     * The mapping stays valid after {@link #close}, until the buffer is unreachable.
     *
     * @throws IllegalArgumentException if the rows are not all inside or take 2 GiB or more
     */
    public ByteBuffer map(StoredTensor tensor, long firstRow, int rows) {
        long rowBytes = (long) tensor.cols() * tensor.dtype().bytes();
        if (firstRow < 0 || rows < 0 || firstRow > tensor.rows() - rows || rows * rowBytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("rows " + firstRow + " .. +" + rows + " of " + tensor.name() + " "
                    + tensor.describe() + ": outside, or 2 GiB and more at " + rowBytes + " bytes a row");
        }
        return mapBytes(tensor.begin() + firstRow * rowBytes, (int) (rows * rowBytes));
    }

    /** Maps a whole tensor of less than 2 GiB. */
    public ByteBuffer map(StoredTensor tensor) {
        return map(tensor, 0, tensor.rows());
    }

    /**
     * Maps bytes {@code offset .. offset+bytes-1} of a tensor, whatever its shape: little-endian, read-only, position 0.
     *
     * @throws IndexOutOfBoundsException if they are not all inside
     */
    public ByteBuffer mapBytes(StoredTensor tensor, long offset, int bytes) {
        Objects.checkFromIndexSize(offset, bytes, tensor.bytes());
        return mapBytes(tensor.begin() + offset, bytes);
    }

    private ByteBuffer mapBytes(long begin, int bytes) {
        try {
            if (begin + bytes > channel.size()) { // a map beyond the end would fault on access
                throw new CospadiException(file + ": " + channel.size() + " bytes, expected " + fileBytes
                        + " as when it was opened; another program changed it: leave it alone while this one runs");
            }
            return channel.map(FileChannel.MapMode.READ_ONLY, begin, bytes).order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
    }

    private static void readFully(Path file, FileChannel channel, ByteBuffer buffer, long position) throws IOException {
        long at = position;
        while (buffer.hasRemaining()) {
            int read = channel.read(buffer, at);
            if (read < 0) {
                throw new EOFException("ends at byte " + at + " with " + buffer.remaining() + " more expected");
            }
            at += read;
        }
    }

    private static void closeQuietly(FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // opened for reading only: nothing can be lost, and the first failure is the one to report
        }
    }

    @Override
    public void close() {
        closeQuietly(channel);
    }
}
