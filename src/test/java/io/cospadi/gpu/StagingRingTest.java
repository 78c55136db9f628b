package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Nobody gets bytes that another's copy still needs, and nobody waits for more than is in the way. */
class StagingRingTest {
    private static final int BYTES = 1 << 14;

    private record Held(int from, int to) {}

    private int inFlight;
    private final List<Held> inUse = new ArrayList<>();
    private final StagingRing<Held> ring =
            new StagingRing<>(BYTES, held -> assertTrue(inUse.remove(held), "waited once"));

    private int take(int count) {
        int at = ring.take(count);
        assertTrue(at >= 0 && at + count <= BYTES, at + " + " + count);
        for (Held held : inUse) {
            assertTrue(at + count <= held.from() || at >= held.to(), at + " + " + count + " meets " + held);
        }
        Held mine = new Held(at, at + count);
        inUse.add(mine);
        ring.hold(mine);
        return at;
    }

    @Test
    void piecesOfAnySizesNeverMeet() {
        Random random = new Random(7);
        for (int i = 0; i < 100_000; i++) {
            take(random.nextInt(4) == 0 ? 1 + random.nextInt(BYTES) : 1 + random.nextInt(300));
        }
        ring.drain();
        assertEquals(List.of(), inUse);
    }

    @Test
    void smallPiecesFillTheRingBeforeTheFirstIsWaitedFor() {
        IntStream.range(0, BYTES / 256).forEach(i -> assertEquals(256 * i, take(100)));
        assertEquals(BYTES / 256, inUse.size());
        assertEquals(0, take(100));
        assertEquals(BYTES / 256, inUse.size(), "one was waited for, one came");
    }

    /** What reading back relies on: a piece is emptied while the next arrives. */
    @Test
    void twoPiecesOfAQuarterOfTheRingAreNeverInEachOthersWay() {
        Random random = new Random(8);
        int last = take(BYTES / 4);
        for (int i = 0; i < 1000; i++) {
            int next = take(BYTES / 4);
            assertTrue(Math.abs(next - last) >= BYTES / 4, last + " and " + next);
            last = next;
            if (random.nextBoolean()) {
                take(1 + random.nextInt(BYTES / 4));
                last = take(BYTES / 4);
            }
        }
    }

    /** A device's event each: not more of them than 256, whatever the ring would hold. */
    @Test
    void fewPiecesAreOnTheirWayAtOnce() {
        StagingRing<Integer> large = new StagingRing<>(1 << 20, waited -> inFlight--);
        for (int i = 0; i < 5000; i++) {
            large.take(4);
            large.hold(i);
            inFlight++;
            assertTrue(inFlight <= 256, inFlight + " pieces");
        }
    }

    @Test
    void whatWasTakenAndNotHeldIsFree() {
        ring.take(BYTES);
        assertEquals(0, take(BYTES));
    }
}
