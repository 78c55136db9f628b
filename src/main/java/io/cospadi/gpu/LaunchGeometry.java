package io.cospadi.gpu;

/**
 * How a launch is cut: blocks in the grid, threads in a block, bytes of dynamic shared memory a block.
 *
 * @param gridX       blocks, 1 .. 2^31 - 1
 * @param gridY       1 .. 65535
 * @param gridZ       1 .. 65535
 * @param blockX      threads; at most 1024 with blockY
 * @param blockY      threads
 * @param sharedBytes dynamic shared memory, 0 .. {@value #MOST_SHARED_BYTES}
 */
public record LaunchGeometry(int gridX, int gridY, int gridZ, int blockX, int blockY, int sharedBytes) {
    /** What a block of compute capability 8.0 can have, 163 KiB; static shared memory counts as well. */
    public static final int MOST_SHARED_BYTES = 163 << 10;

    /** What a block can have of 8.6, 8.9 and 12.0, the least of all from 8.0 on. */
    public static final int LEAST_SHARED_BYTES = 99 << 10;

    /** Threads of a block wherever a kernel file says 256. */
    static final int THREADS = 256;

    /** Warps of such a block. */
    static final int WARPS = THREADS / 32;

    private static final int COLUMNS_OF_A_WARP = 128;

    /** Blocks that fill any GPU; a grid-stride loop serves what is beyond. */
    static final int MOST_BLOCKS_OF_A_LINE = 4096;

    public LaunchGeometry {
        if (gridX < 1 || gridY < 1 || gridY > 65535 || gridZ < 1 || gridZ > 65535) {
            throw new IllegalArgumentException("no such grid: " + gridX + " x " + gridY + " x " + gridZ + " blocks");
        }
        if (blockX < 1 || blockY < 1 || (long) blockX * blockY > 1024) {
            throw new IllegalArgumentException("no such block: " + blockX + " x " + blockY + " threads");
        }
        if (sharedBytes < 0 || sharedBytes > MOST_SHARED_BYTES) {
            throw new IllegalArgumentException(
                    "a block has 0 to " + MOST_SHARED_BYTES + " bytes of shared memory, not " + sharedBytes);
        }
    }

    /** With a grid of two dimensions. */
    public LaunchGeometry(int gridX, int gridY, int blockX, int blockY, int sharedBytes) {
        this(gridX, gridY, 1, blockX, blockY, sharedBytes);
    }

    /** A block of 256 threads for each of {@code blocks}. */
    static LaunchGeometry blocks(int blocks, int sharedBytes) {
        return new LaunchGeometry(blocks, 1, THREADS, 1, sharedBytes);
    }

    /** Blocks of 256 threads for a grid-stride loop over {@code count} elements, which are 1 or more. */
    static LaunchGeometry line(long count) {
        return blocks((int) Math.min(MOST_BLOCKS_OF_A_LINE, (count + THREADS - 1) / THREADS), 0);
    }

    /** Blocks of (32, 8) threads for a kernel that gives each warp a row and 128 of its columns at a time; neither is 0. */
    static LaunchGeometry warpsOfRows(int rows, int cols) {
        int across = (cols - 1) / COLUMNS_OF_A_WARP + 1;
        int down = Math.min((rows - 1) / WARPS + 1, Math.max(1, MOST_BLOCKS_OF_A_LINE / across));
        return new LaunchGeometry(across, down, 32, WARPS, 0);
    }

    @Override
    public String toString() {
        return "grid (" + gridX + ", " + gridY + ", " + gridZ + "), block (" + blockX + ", " + blockY + "), "
                + sharedBytes + " bytes shared";
    }
}
