package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DeviceMemoryException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Blocks come back to whom they fit, and what is held never passes the limit. */
class DeviceMemoryTest {
    private static final int KB = 1 << 10;

    private final EmulatedCuda device = new EmulatedCuda(256 * KB);
    private final CallCounts counts = new CallCounts(device);

    @AfterEach
    void close() {
        device.close();
    }

    private DeviceMemory limitedTo(long bytes) {
        return new DeviceMemory(counts.calls(), bytes);
    }

    /** To a whole step of 512 bytes, from 16 KB on of a 32nd of the power of two below. */
    @ParameterizedTest
    @CsvSource({
        "0, 512",
        "1, 512",
        "512, 512",
        "513, 1024",
        "16384, 16384",
        "16385, 16896",
        "32768, 32768",
        "32769, 33792",
        "1000000, 1015808",
        "1048576, 1048576",
        "1048577, 1081344",
        "40000000000, 40802189312",
    })
    void sizesAreRoundedSoThatNearOnesShareBlocks(long bytes, long rounded) {
        assertEquals(rounded, DeviceMemory.rounded(bytes));
        assertEquals(rounded, DeviceMemory.rounded(rounded), "a rounded size is its own");
        assertTrue(rounded <= Math.max(bytes + 512, bytes * 33 / 32), "at most a 32nd is lost");
    }

    @Test
    void blocksOfOneSizeAreUsedAgainAndOthersAreNot() {
        try (DeviceMemory memory = limitedTo(Long.MAX_VALUE)) {
            long first = memory.take(1000).address();
            memory.giveBack(first, 1000);
            assertEquals(first, memory.take(900).address(), "both take 1024 bytes");
            assertNotEquals(first, memory.take(900).address(), "it is in use");
            assertEquals(2 * 1024, memory.usedBytes());
            assertEquals(2, counts.of("allocate"));
            memory.take(4 * KB);
            assertEquals(3, counts.of("allocate"));
            assertEquals(0, counts.of("free"));
            memory.giveBack(first, 900);
            assertEquals(5 * KB, memory.usedBytes());
        }
        assertEquals(1, counts.of("free"), "what was given back");
    }

    /** Large enough for a mark. */
    private static final int LARGE = 1 << 20;

    @Test
    void aCopyGetsTheBlockGivenBackFirst() {
        try (DeviceMemory memory = new DeviceMemory(new EmulatedCuda(8 * LARGE), Long.MAX_VALUE)) {
            long first = memory.take(LARGE).address();
            long second = memory.take(LARGE).address();
            memory.giveBack(first, LARGE);
            memory.giveBack(second, LARGE);
            DeviceMemory.Block block = memory.takeForCopy(LARGE);
            assertEquals(first, block.address());
            assertTrue(block.untouched() && block.lastUse().passed());
            memory.giveBack(first, LARGE);
            assertEquals(first, memory.take(LARGE).address(), "others the one given back last");
        }
    }

    /** What was given back is used until the queue has come so far. */
    @Test
    void aCopyGetsANewBlockInsteadOfOneInUseWhereThereIsRoom() {
        CudaCalls late = new LateQueue(new EmulatedCuda(8 * LARGE)).calls();
        try (DeviceMemory memory = new DeviceMemory(late, 2 * LARGE)) {
            long used = memory.take(LARGE).address();
            late.zero(used, LARGE);
            memory.giveBack(used, LARGE);
            DeviceMemory.Block fresh = memory.takeForCopy(LARGE);
            assertNotEquals(used, fresh.address());
            assertTrue(fresh.untouched() && fresh.lastUse() == null);
            assertEquals(LARGE, memory.usedBytes());
            DeviceMemory.Block waiting = memory.takeForCopy(LARGE);
            assertEquals(used, waiting.address(), "another one would pass the limit");
            assertFalse(waiting.lastUse().passed());
            memory.giveBack(used, LARGE);
            memory.giveBack(fresh.address(), LARGE);
            late.synchronize();
            assertEquals(used, memory.takeForCopy(LARGE).address(), "nothing uses it any more");
        }
        CudaCalls large = new LateQueue(new EmulatedCuda(64 * LARGE)).calls();
        try (DeviceMemory memory = new DeviceMemory(large, Long.MAX_VALUE)) {
            long[] used = new long[4];
            for (int i = 0; i < used.length; i++) {
                used[i] = memory.take(LARGE).address();
                large.zero(used[i], LARGE);
            }
            for (long block : used) {
                memory.giveBack(block, LARGE);
            }
            assertEquals(used[0], memory.takeForCopy(LARGE).address(), "four are enough");
            long fresh = memory.takeForCopy(LARGE).address();
            assertTrue(LongStream.of(used).noneMatch(block -> block == fresh), "three may be a layer's");
        }
        CudaCalls full = FullDevice.after(1, new LateQueue(new EmulatedCuda(64 * LARGE)).calls());
        try (DeviceMemory memory = new DeviceMemory(full, Long.MAX_VALUE)) {
            long used = memory.take(LARGE).address();
            full.zero(used, LARGE);
            memory.giveBack(used, LARGE);
            assertEquals(used, memory.takeForCopy(LARGE).address(), "the device refuses another one");
            assertEquals(LARGE, memory.usedBytes());
        }
        CudaCalls small = new LateQueue(new EmulatedCuda(3 * LARGE)).calls();
        try (DeviceMemory memory = new DeviceMemory(small, 8 * LARGE)) {
            long used = memory.take(LARGE).address();
            small.zero(used, LARGE);
            memory.giveBack(used, LARGE);
            assertEquals(used, memory.takeForCopy(LARGE).address(), "the device would be nearly full");
        }
    }

    @Test
    void keptBlocksAreReleasedBeforeTheLimitRefuses() {
        try (DeviceMemory memory = limitedTo(10 * KB)) {
            long kept = memory.take(6 * KB).address();
            memory.giveBack(kept, 6 * KB);
            assertEquals(10 * KB, memory.available(), "kept blocks are free to be taken");
            memory.take(8 * KB);
            assertEquals(1, counts.of("free"), "6 KB kept and 8 KB more would pass the limit");
            assertEquals(2 * KB, memory.available());
            DeviceMemoryException refused = assertThrows(DeviceMemoryException.class, () -> memory.take(3 * KB));
            assertEquals(
                    "no room on the GPU for 3072 bytes: 8192 are in use and --max-vram allows 10240; "
                            + "allow more, or use --backend cpu",
                    refused.getMessage());
            assertEquals(8 * KB, memory.usedBytes(), "a refusal takes nothing");
            memory.take(2 * KB);
            assertEquals(0, memory.available());
        }
    }

    @Test
    void keptBlocksAreReleasedBeforeTheDeviceRefuses() {
        try (DeviceMemory memory = limitedTo(Long.MAX_VALUE)) {
            assertEquals(256 * KB, memory.available());
            long kept = memory.take(200 * KB).address();
            assertEquals(56 * KB, memory.available());
            memory.giveBack(kept, 200 * KB);
            assertEquals(256 * KB, memory.available());
            memory.take(128 * KB);
            assertEquals(1, counts.of("free"));
            DeviceMemoryException refused = assertThrows(DeviceMemoryException.class, () -> memory.take(144 * KB));
            assertTrue(refused.getMessage().contains("for 147456 bytes, 131072 are free"), refused.getMessage());
            assertEquals(128 * KB, memory.usedBytes());
            memory.take(128 * KB);
        }
    }

    @Test
    void theSmallerOfLimitAndDeviceIsAvailable() {
        try (DeviceMemory memory = limitedTo(1L << 40)) {
            assertEquals(256 * KB, memory.available());
        }
        try (DeviceMemory memory = limitedTo(100 * KB)) {
            assertEquals(100 * KB, memory.available());
        }
    }

    /** What a recording holds is held by the device, from its first block to its end. */
    @Test
    void aRecordingsBlocksCountTowardsTheSameLimit() {
        try (DeviceMemory memory = limitedTo(10 * KB)) {
            long kept = memory.take(4 * KB).address();
            memory.giveBack(kept, 4 * KB);
            memory.take(2 * KB);
            try (DeviceMemory recording = memory.ofRecording()) {
                assertEquals(1, counts.of("free"), "what was kept is no recording's to release");
                assertEquals(8 * KB, recording.available());
                long block = recording.take(6 * KB).address();
                assertEquals(2 * KB, memory.available());
                assertThrows(DeviceMemoryException.class, () -> recording.take(3 * KB));
                recording.giveBack(block, 6 * KB);
                assertEquals(8 * KB, recording.available());
                assertEquals(2 * KB, memory.available(), "the recording still has its block");
                assertThrows(DeviceMemoryException.class, () -> memory.take(3 * KB));
                memory.take(2 * KB);
                assertEquals(256 * KB - 10 * KB, device.freeBytes());
                // what was recorded goes on using what was given back
                assertThrows(DeviceMemoryException.class, () -> recording.take(1));
                assertEquals(1, counts.of("free"));
            }
            assertEquals(6 * KB, memory.available());
            memory.take(6 * KB);
        }
    }

    @Test
    void whatLibrariesHoldCountsTowardsTheLimit() {
        EmulatedCuda reserving = new EmulatedCuda(256 * KB, 32 * KB);
        try (DeviceMemory memory = new DeviceMemory(reserving, 40 * KB)) {
            assertEquals(8 * KB, memory.available());
            memory.take(8 * KB);
            assertThrows(DeviceMemoryException.class, () -> memory.take(1));
        }
        DeviceMemoryException refused =
                assertThrows(DeviceMemoryException.class, () -> new DeviceMemory(reserving, 31 * KB));
        assertTrue(refused.getMessage().contains("--max-vram allows 31744 bytes"), refused.getMessage());
        assertTrue(refused.getMessage().contains("alone hold 32768"), refused.getMessage());
    }
}
