package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files are read beside whoever asked, who hears of nothing that goes wrong. */
@Timeout(60)
class FilesAheadTest {
    private static final int CHUNK = 1 << 20;

    @TempDir
    Path folder;

    private final FilesAhead ahead = new FilesAhead();

    /** Bytes {@code begin .. end-1} of a file of {@code length}. */
    private StoredTensor stored(int length, int begin, int end) {
        try {
            Path file = Files.write(folder.resolve(length + " bytes"), new byte[length]);
            return new StoredTensor("t", DType.F32, new long[] {end - begin}, file, begin, end);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Until it ends by itself. */
    private void waitFor(CountDownLatch end, long bytes) throws InterruptedException {
        end.await();
        while (ahead.bytes() < bytes) {
            Thread.sleep(1);
        }
        ahead.close();
        assertEquals(bytes, ahead.bytes());
    }

    @Test
    void tensorsAreReadToTheirLastByteAndNoFurtherOnAThreadOfTheirOwn() throws InterruptedException {
        StoredTensor whole = stored(CHUNK, 0, CHUNK);
        StoredTensor inside = stored(3 * CHUNK, 8, 2 * CHUNK + 9);
        CountDownLatch last = new CountDownLatch(1);
        AtomicReference<Thread> reader = new AtomicReference<>();
        ahead.read(List.of(
                () -> {
                    reader.set(Thread.currentThread());
                    return whole;
                },
                () -> {
                    last.countDown();
                    return inside;
                }));
        waitFor(last, 3 * CHUNK + 1);
        assertNotSame(Thread.currentThread(), reader.get());
    }

    @Test
    void whatIsMissingOrCutOffEndsItInSilence() throws InterruptedException {
        CountDownLatch shorter = new CountDownLatch(1);
        AtomicInteger behind = new AtomicInteger();
        ahead.read(List.of(
                () -> {
                    shorter.countDown();
                    return stored(12, 4, 4 * CHUNK);
                },
                () -> {
                    behind.incrementAndGet();
                    return stored(8, 0, 8);
                }));
        waitFor(shorter, 8);
        CountDownLatch missing = new CountDownLatch(1);
        ahead.read(List.of(() -> {
            missing.countDown();
            throw new CospadiException("missing");
        }));
        waitFor(missing, 8);
        assertEquals(0, behind.get());
    }

    /** Whatever it waits for; and what is asked for next is read in place of it. */
    @Test
    void closingEndsItWhereverItIs() throws InterruptedException {
        CountDownLatch waiting = new CountDownLatch(1);
        AtomicInteger behind = new AtomicInteger();
        for (int i = 0; i < 2; i++) {
            ahead.read(List.of(
                    () -> {
                        waiting.countDown();
                        try {
                            Thread.sleep(Long.MAX_VALUE);
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                        return stored(CHUNK, 0, CHUNK);
                    },
                    () -> {
                        behind.incrementAndGet();
                        return stored(8, 0, 8);
                    }));
            waiting.await();
        }
        assertTimeoutPreemptively(Duration.ofSeconds(30), ahead::close);
        assertEquals(0, behind.get());
        assertEquals(0, ahead.bytes());
        ahead.close();
    }
}
