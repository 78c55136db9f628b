package io.cospadi.backend;

import io.cospadi.gpu.DeviceMemory;
import java.util.concurrent.atomic.AtomicLong;

/** One allocation on a GPU, from its pool and back. */
final class CudaBlock extends SharedBlock {
    private final DeviceMemory memory;
    private final AtomicLong account;
    private final long address;
    private final long bytes;

    /** @param account grows by {@code bytes} now, shrinks on close */
    CudaBlock(DeviceMemory memory, long bytes, AtomicLong account) {
        this.memory = memory;
        this.bytes = bytes;
        this.account = account;
        this.address = memory.take(bytes);
        account.addAndGet(bytes);
    }

    long address() {
        return address;
    }

    long bytes() {
        return bytes;
    }

    @Override
    void free() {
        memory.giveBack(address, bytes);
        account.addAndGet(-bytes);
    }
}
