package io.cospadi.backend;

/** Memory of any backend, freed when the last of those who hold it closes; whoever allocates it is the first. One thread. */
abstract sealed class SharedBlock implements AutoCloseable permits CudaBlock, NativeBlock {
    private int holders = 1;

    /** One holder more, who closes too; false if the memory was freed already. */
    final boolean hold() {
        if (holders == 0) {
            return false;
        }
        holders++;
        return true;
    }

    final boolean isClosed() {
        return holders == 0;
    }

    /** A holder less; harmless once there is none. */
    @Override
    public final void close() {
        if (holders > 0 && --holders == 0) {
            free();
        }
    }

    /** Called once. */
    abstract void free();
}
