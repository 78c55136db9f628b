package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.CpuBackend;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DividedJobTest {
    @TempDir
    Path folder;

    private TinyJob job;
    private CpuBackend backend;

    @BeforeEach
    void calibrate() {
        job = TinyJob.in(folder);
        backend = new CpuBackend(1);
        WindowSettings windows = new WindowSettings(8, 16, false, 42);
        GradientPlan gradients = GradientPlan.beside(windows, 8, OptionalInt.empty(), GradientSettings.DEFAULT);
        new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.of(gradients))
                .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
    }

    @AfterEach
    void close() {
        assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        backend.close();
    }

    @ParameterizedTest
    @CsvSource({
        "1, uniform",
        "2, uniform",
        "3, uniform",
        "7, uniform",
        "20, uniform",
        "1, auto",
        "3, auto",
        "1, pooled",
        "3, pooled",
    })
    void sharesInAnyOrderMakeTheBytesOfOneRun(int count, String budget) {
        Recipe recipe = TinyJob.recipe("budget: " + budget + "\n");
        if (!budget.equals("uniform")) {
            divided(recipe, "out", () -> false).budget();
        }
        List<Share> shares = shares(count);
        Collections.shuffle(shares, new Random(count));
        int projections = 0;
        for (Share share : shares) {
            projections += divided(recipe, "out", () -> false).share(share).projections();
        }
        assertEquals(14, projections);
        Collections.shuffle(shares, new Random(-count));
        JobResult merged = merge(recipe, shares);
        assertEquals(whole(recipe), TinyJob.contents(job.out("merged")));
        assertFalse(Files.exists(job.out("merged.work")), "the merge's own work is removed");
        assertEquals(backend.identity(), merged.report().run().identity());
        assertTrue(merge(recipe, shares).alreadyComplete());
    }

    @Test
    void shareStoppedAtAnyMomentIsResumedAndMadeOnlyOnce() {
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        Share share = new Share(1, 2);
        divided(recipe, "out", () -> false).share(new Share(0, 2));
        int stops = 0;
        boolean done = false;
        for (int patience = 1; !done; patience += 1 + patience / 6) {
            AtomicInteger left = new AtomicInteger(patience);
            try {
                divided(recipe, "out", () -> left.getAndDecrement() <= 0).share(share);
                done = true;
            } catch (StoppedException e) {
                stops++;
            }
        }
        assertTrue(stops > 5, stops + " stops");
        DividedJob.ShareResult again = divided(recipe, "out", () -> false).share(share);
        assertTrue(again.projections() > 0 && again.made() == 0, again.toString());
        JobResult merged = merge(recipe, shares(2));
        assertEquals(whole(recipe), TinyJob.contents(job.out("merged")));
        assertTrue(merged.report().projections().stream().allMatch(p -> p.seconds() > 0), "the shares' times");
    }

    @Test
    void taskDoneTwiceGivesTheSamePart() {
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        Path once = divided(recipe, "once", () -> false).share(Share.WHOLE).work();
        Path twice = divided(recipe, "twice", () -> false).share(Share.WHOLE).work();
        assertEquals(TinyJob.contents(once.resolve("parts")), TinyJob.contents(twice.resolve("parts")));
    }

    @Test
    void everyMissingOrDamagedPartIsNamedWithItsShare() throws IOException {
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        for (Share share : shares(3)) {
            divided(recipe, "out", () -> false).share(share);
        }
        List<String> lost = new ArrayList<>();
        for (int i : List.of(0, 2)) {
            Path parts = job.places("out", false).work(new Share(i, 3)).resolve("parts");
            try (Stream<Path> files = Files.list(parts)) {
                Path file = files.sorted().findFirst().orElseThrow();
                lost.add(file.getFileName().toString().split("-")[0]);
                if (i == 0) {
                    Files.delete(file);
                } else {
                    byte[] bytes = Files.readAllBytes(file);
                    bytes[bytes.length - 1] ^= 1;
                    Files.write(file, bytes);
                }
            }
        }
        String message = assertThrows(CospadiException.class, () -> merge(recipe, shares(3)))
                .getMessage();
        assertTrue(message.startsWith("2 of 14 parts"), message);
        assertTrue(message.contains(lost.get(0)) && message.contains(lost.get(1)), message);
        assertTrue(message.contains("sha256"), message);
        assertTrue(message.contains("0/3") && message.contains("2/3") && !message.contains("1/3"), message);
        assertFalse(Files.exists(job.out("merged")));
        String alone = assertThrows(
                        CospadiException.class, () -> merge(recipe, shares(3).subList(0, 1)))
                .getMessage();
        assertTrue(alone.contains("1/3") && alone.contains("2/3"), alone);
        divided(recipe, "out", () -> false).share(new Share(0, 3));
        divided(recipe, "out", () -> false).share(new Share(2, 3));
        merge(recipe, shares(3));
        assertEquals(whole(recipe), TinyJob.contents(job.out("merged")));
    }

    @Test
    void sharesOfAnotherJobAreRefusedByTheFieldThatDiffers() {
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        divided(recipe, "out", () -> false).share(new Share(0, 2));
        divided(TinyJob.recipe("budget: uniform\nseed: 7\n"), "out", () -> false)
                .share(new Share(1, 2));
        assertRefused("its seed is 7, there it is 42", () -> merge(recipe, shares(2)));
        assertRefused("its seed is 42, here it is 7", () -> divided(
                        TinyJob.recipe("budget: uniform\nseed: 7\n"), "out", () -> false)
                .share(new Share(0, 2)));
        Path left = places("out").work(new Share(0, 2));
        assertRefused("start over by removing " + left + ", which --force doesn't touch", () -> divided(
                        TinyJob.recipe("budget: uniform\nseed: 7\n"), "out", () -> false)
                .share(new Share(0, 2)));
        assertRefused("is no work folder", () -> MergeJob.document(List.of(job.model())));
    }

    @Test
    void modelThatChangedBeforeTheMergeIsRefused() throws IOException {
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        divided(recipe, "out", () -> false).share(Share.WHOLE);
        Path config = job.model().resolve("config.json");
        Files.writeString(config, Files.readString(config) + "\n");
        assertRefused("another model files", () -> merge(recipe, shares(1)));
    }

    @Test
    void sharesNeedGramsAndSizesThatWereMadeBefore() {
        Recipe pooled = TinyJob.recipe("budget: pooled\n");
        assertRefused("run the command budget", () -> divided(pooled, "out", () -> false)
                .share(Share.WHOLE));
        Recipe other = TinyJob.recipe("budget: pooled\nseed: 7\n");
        assertRefused("run the command budget", () -> divided(other, "out", () -> false)
                .share(Share.WHOLE)); // not the first one's unfinished work
        divided(other, "out", () -> false).budget();
        assertRefused("its seed is 7, here it is 42", () -> divided(pooled, "out", () -> false)
                .share(Share.WHOLE));
        assertRefused(
                "needs --stats",
                () -> new DividedJob(
                        pooled, job.places("out", false), job.environment(backend, JobListener.NONE, () -> false)));
    }

    private static List<Share> shares(int count) {
        List<Share> shares = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            shares.add(new Share(i, count));
        }
        return shares;
    }

    private JobPlaces places(String out) {
        return new JobPlaces(job.model(), job.out(out), List.of(), Optional.of(job.out("stats")), false, false);
    }

    private DividedJob divided(Recipe recipe, String out, BooleanSupplier stop) {
        return new DividedJob(recipe, places(out), job.environment(backend, JobListener.NONE, stop));
    }

    /** As the command line does: from what the shares wrote down. */
    private JobResult merge(Recipe recipe, List<Share> shares) {
        List<Path> works = shares.stream().map(places("out")::work).toList();
        Recipe written = MergeJob.document(works).recipe();
        JobPlaces places = places("merged");
        assertArrayEquals(RecipeText.yaml(recipe, places), RecipeText.yaml(written, places));
        return new MergeJob(works, written, places, job.environment(backend, JobListener.NONE, () -> false)).run();
    }

    private TreeMap<String, String> whole(Recipe recipe) {
        job.run(recipe, places("whole"), backend, JobListener.NONE, () -> false);
        return TinyJob.contents(job.out("whole"));
    }

    private static void assertRefused(String part, org.junit.jupiter.api.function.Executable executable) {
        String message = assertThrows(CospadiException.class, executable).getMessage();
        assertTrue(message.contains(part), message);
        assertFalse(message.contains("\n"), message);
    }
}
