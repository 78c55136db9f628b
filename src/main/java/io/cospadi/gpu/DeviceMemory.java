package io.cospadi.gpu;

import io.cospadi.tensor.DeviceMemoryException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.TreeMap;

/**
 * A device's memory in blocks that are kept for the next of their size when they are given back. One stream runs everything,
 * so a block can be used again at once: what still reads it was queued before. Only a copy beside the stream has to know behind
 * which place of it a block is free, so large ones are kept with a mark. What is held, in use or kept, stays within a limit;
 * blocks kept are returned to the device before anything is refused.
 */
public final class DeviceMemory implements AutoCloseable {
    /** Sizes are rounded up to this, or beyond {@link #LARGE} to a 32nd of themselves, so that near sizes share blocks. */
    private static final long SMALL_STEP = 512;

    private static final long LARGE = 16 << 10;

    /** From here on: what weighs as much is worth a mark. */
    private static final long MARKED = 1 << 20;

    /** Blocks of one size: as many as a layer's weights have, and one more. */
    private static final int FEW = 4;

    private final CudaCalls cuda;
    private final MemoryLimit limit;
    private final boolean recording;
    private final TreeMap<Long, Deque<Block>> kept = new TreeMap<>();
    private long keptBytes;
    private long usedBytes;

    /**
     * Memory that was taken.
     *
     * @param lastUse  of those who had it before, for the taker to close; null where there is none
     * @param untouched whether nothing that was queued uses it, or nothing behind {@code lastUse}
     */
    public record Block(long address, CudaCalls.Mark lastUse, boolean untouched) {
        private boolean isInUse() {
            return lastUse != null && !lastUse.passed();
        }
    }

    /**
     * @param limit most bytes to hold, {@code Long.MAX_VALUE} for what the device has; what its libraries hold counts
     * @throws DeviceMemoryException if that alone is more
     */
    public DeviceMemory(CudaCalls cuda, long limit) {
        this(cuda, new MemoryLimit(limit), false);
        long libraries = cuda.reservedBytes();
        if (!this.limit.allows(libraries)) {
            throw new DeviceMemoryException("--max-vram allows " + limit + " bytes, and the GPU's libraries alone hold "
                    + libraries + "; allow more, or use --backend cpu");
        }
        this.limit.hold(libraries);
    }

    private DeviceMemory(CudaCalls cuda, MemoryLimit limit, boolean recording) {
        this.cuda = cuda;
        this.limit = limit;
        this.recording = recording;
    }

    /**
     * The same, under this one's limit, for what is taken and given back while launches are recorded: a recording has no places to
     * wait for, and what was recorded goes on using all blocks that it ever had. Nothing that was taken otherwise is given back
     * meanwhile, so what is kept here is released before.
     */
    public DeviceMemory ofRecording() {
        releaseKept();
        return new DeviceMemory(cuda, limit, true);
    }

    /** What a block of so many bytes takes. */
    static long rounded(long bytes) {
        long step = bytes <= LARGE ? SMALL_STEP : Math.max(SMALL_STEP, Long.highestOneBit(bytes - 1) >> 5);
        return Math.max(1, (bytes + step - 1) / step) * step;
    }

    /**
     * A block whose contents are undefined, of those kept the one given back last, which a cache may still hold.
     *
     * @throws DeviceMemoryException if the limit or the device has no room for it
     */
    public Block take(long bytes) {
        return take(bytes, false);
    }

    /**
     * The same for a copy beside the stream, which is not to wait: of those kept the one given back first, but a new one instead of
     * one that is still in use, where there is room to spare and few of the size are kept; or a host that is far ahead would take all
     * that the device has.
     */
    public Block takeForCopy(long bytes) {
        long size = rounded(bytes);
        Deque<Block> same = kept.get(size);
        if (same != null && same.size() < FEW && same.getLast().isInUse() && hasRoomToSpare(size)) {
            try {
                return fresh(size, cuda.allocate(size));
            } catch (DeviceMemoryException e) {
                // in pieces; the one that is in use will do
            }
        }
        return take(bytes, true);
    }

    private boolean hasRoomToSpare(long size) {
        return limit.allows(size) && cuda.freeBytes() > 2 * size;
    }

    private Block take(long bytes, boolean oldest) {
        long size = rounded(bytes);
        Deque<Block> same = kept.get(size);
        if (same != null) {
            Block block = oldest ? same.removeLast() : same.pop();
            if (same.isEmpty()) {
                kept.remove(size);
            }
            keptBytes -= size;
            usedBytes += size;
            return block;
        }
        if (!limit.allows(size) && !recording) {
            releaseKept();
        }
        if (!limit.allows(size)) {
            throw new DeviceMemoryException("no room on the GPU for " + bytes + " bytes: " + limit.held()
                    + " are in use and --max-vram allows " + limit.most() + "; allow more, or use --backend cpu");
        }
        return fresh(size, allocate(size));
    }

    private Block fresh(long size, long address) {
        limit.hold(size);
        usedBytes += size;
        return new Block(address, null, true);
    }

    private long allocate(long size) {
        try {
            return cuda.allocate(size);
        } catch (DeviceMemoryException e) {
            if (keptBytes == 0 || recording) {
                throw e;
            }
            releaseKept();
            return cuda.allocate(size);
        }
    }

    /** Takes a block back; {@code bytes} as it was asked for. */
    public void giveBack(long address, long bytes) {
        long size = rounded(bytes);
        boolean marked = !recording && size >= MARKED;
        kept.computeIfAbsent(size, unused -> new ArrayDeque<>())
                .push(new Block(address, marked ? cuda.mark() : null, marked));
        keptBytes += size;
        usedBytes -= size;
    }

    private void releaseKept() {
        kept.values().forEach(blocks -> blocks.forEach(this::release));
        kept.clear();
        limit.release(keptBytes);
        keptBytes = 0;
    }

    private void release(Block block) {
        if (block.lastUse() != null) {
            block.lastUse().close();
        }
        cuda.free(block.address());
    }

    /** Bytes that can still be taken. */
    public long available() {
        long device = cuda.freeBytes() + keptBytes;
        return limit.isNone() ? device : Math.min(device, limit.left() + keptBytes);
    }

    /** Bytes in blocks that were taken and not given back. */
    public long usedBytes() {
        return usedBytes;
    }

    @Override
    public void close() {
        releaseKept();
    }
}
