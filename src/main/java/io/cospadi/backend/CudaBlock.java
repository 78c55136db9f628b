package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DeviceMemory;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One allocation on a GPU, from its pool and back. Until somebody asks for its address it is untouched: nothing that is queued uses
 * it, or nothing behind its {@link #lastUse}, so it can be filled by a copy beside the queue.
 */
final class CudaBlock extends SharedBlock {
    private final DeviceMemory memory;
    private final AtomicLong account;
    private final long address;
    private final long bytes;
    private CudaCalls.Mark lastUse;
    private boolean untouched;

    /**
     * @param block   taken from the memory just now, for so many bytes
     * @param account grows by {@code bytes} now, shrinks on close
     */
    CudaBlock(DeviceMemory memory, DeviceMemory.Block block, long bytes, AtomicLong account) {
        this.memory = memory;
        this.bytes = bytes;
        this.account = account;
        address = block.address();
        lastUse = block.lastUse();
        untouched = block.untouched();
        account.addAndGet(bytes);
    }

    /** For what is queued from now on. */
    long address() {
        touch();
        return address;
    }

    private void touch() {
        untouched = false;
        if (lastUse != null) {
            lastUse.close();
            lastUse = null;
        }
    }

    /** Fills a part of it from the host; all that is queued later sees that. */
    void fill(CudaCalls cuda, long offset, long count, CudaCalls.Piece fill) {
        if (untouched) {
            cuda.toDeviceBeside(lastUse, address + offset, count, fill);
        } else {
            cuda.toDevice(address + offset, count, fill);
        }
    }

    long bytes() {
        return bytes;
    }

    @Override
    void free() {
        touch();
        memory.giveBack(address, bytes);
        account.addAndGet(-bytes);
    }
}
