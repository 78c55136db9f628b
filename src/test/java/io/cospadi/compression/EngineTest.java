package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.CpuBackend;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Jobs whose tasks are carried out elsewhere: here by threads that do every task several times, some of them at once. */
class EngineTest {
    @TempDir
    Path folder;

    private TinyJob job;

    @BeforeEach
    void write() {
        job = TinyJob.in(folder);
    }

    /** Runs {@code copies} of each task at the same time. */
    private final class Threads implements Engine {
        private final int slots;
        private final int copies;
        private final List<JobTask> ran = new ArrayList<>();

        Threads(int slots, int copies) {
            this.slots = slots;
            this.copies = copies;
        }

        @Override
        public String backend() {
            try (CpuBackend backend = new CpuBackend(1)) {
                return backend.identity();
            }
        }

        @Override
        public int slots() {
            return slots;
        }

        @Override
        public void run(JobDescription description, List<JobTask> tasks, BiConsumer<JobTask, String> arrived) {
            ran.addAll(tasks);
            ExecutorService threads = Executors.newFixedThreadPool(copies);
            try {
                for (JobTask task : tasks) {
                    List<Callable<String>> attempts = new ArrayList<>();
                    for (int copy = 0; copy < copies; copy++) {
                        attempts.add(() -> attempt(description, task));
                    }
                    String answer = "";
                    for (Future<String> attempt : threads.invokeAll(attempts)) {
                        answer = attempt.get().length() > answer.length() ? attempt.get() : answer;
                    }
                    arrived.accept(task, answer);
                }
            } catch (Exception e) {
                throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
            } finally {
                threads.shutdown();
            }
        }

        private String attempt(JobDescription description, JobTask task) throws IOException {
            Path spill = Files.createTempDirectory(folder, "spill");
            try (CpuBackend backend = new CpuBackend(1)) {
                String answer = new TaskWorker(description, backend, spill, () -> false).run(task);
                assertEquals(0, backend.allocatedBytes(), "matrices left behind by " + task);
                return answer;
            }
        }
    }

    private JobResult run(Engine engine, Recipe recipe, JobPlaces places) {
        try (CpuBackend backend = new CpuBackend(2)) {
            return CompressionJob.on(engine, recipe, places, job.environment(backend, JobListener.NONE, () -> false))
                    .run();
        }
    }

    private TreeMap<String, String> single(Recipe recipe) {
        try (CpuBackend backend = new CpuBackend(1)) {
            job.run(recipe, "single", backend);
        }
        return TinyJob.contents(job.out("single"));
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, auto",
        "2, 3, auto",
        "7, 2, auto",
        "100, 1, auto",
        "2, 2, uniform",
        "3, 2, pooled",
    })
    void anyNumberOfWorkersAndCopiesMakesTheBytesOfOneProcess(int slots, int copies, String budget) {
        Recipe recipe = TinyJob.recipe("budget: " + budget + "\n");
        TreeMap<String, String> expected = single(recipe);
        Threads engine = new Threads(slots, copies);
        JobResult result = run(engine, recipe, job.places("out", false));
        assertEquals(expected, TinyJob.contents(job.out("out")));
        assertFalse(Files.exists(job.places("out", false).work()));
        assertTrue(
                result.report().projections().stream().allMatch(p -> p.seconds() > 0 || p.k() == null),
                "times of all projections have arrived");
        Set<JobTask.Kind> kinds = EnumSet.noneOf(JobTask.Kind.class);
        engine.ran.forEach(task -> kinds.add(task.kind()));
        assertEquals(!budget.equals("uniform"), kinds.contains(JobTask.Kind.WEIGH));
        assertEquals(slots > 1, kinds.contains(JobTask.Kind.MERGE));
    }

    @Test
    void groupsThatShareADictionaryAreTasks() {
        Recipe recipe = TinyJob.recipe("share: 2\n");
        TreeMap<String, String> expected = single(recipe);
        run(new Threads(2, 2), recipe, job.places("out", false));
        assertEquals(expected, TinyJob.contents(job.out("out")));
    }

    @Test
    void theCostliestTasksComeFirst() {
        Threads engine = new Threads(2, 1);
        run(engine, TinyJob.recipe("share: 1\n"), job.places("out", false));
        for (JobTask.Kind kind : List.of(JobTask.Kind.WEIGH, JobTask.Kind.FACTORIZE)) {
            List<JobTask> tasks =
                    engine.ran.stream().filter(task -> task.kind() == kind).toList();
            assertEquals(14, tasks.size());
            assertEquals(
                    tasks.stream()
                            .sorted(Comparator.comparingDouble(task -> -task.flops()))
                            .toList(),
                    tasks);
        }
    }

    @Test
    void whatOneProcessLeftIsGoneOnWithAndTheOtherWayRound() {
        Recipe recipe = TinyJob.recipe("");
        TreeMap<String, String> expected = single(recipe);
        JobPlaces places = job.places("out", false);
        Path parts = places.work().resolve("parts");
        assertThrows(StoppedException.class, () -> {
            try (CpuBackend backend = new CpuBackend(1)) {
                job.run(recipe, places, backend, JobListener.NONE, () -> count(parts) >= 4);
            }
        });
        Threads engine = new Threads(2, 1);
        run(engine, recipe, places);
        assertEquals(expected, TinyJob.contents(job.out("out")));
        assertTrue(
                engine.ran.stream().allMatch(task -> task.kind() == JobTask.Kind.FACTORIZE) && engine.ran.size() < 14,
                engine.ran.toString());
    }

    private static int count(Path parts) {
        String[] names = parts.toFile().list();
        return names == null ? 0 : names.length;
    }

    /** An engine that does something to the job's files before it goes on. */
    private Engine meddling(Runnable before, String backend) {
        Threads engine = new Threads(1, 1);
        return new Engine() {
            @Override
            public String backend() {
                return backend;
            }

            @Override
            public int slots() {
                return 1;
            }

            @Override
            public void run(JobDescription description, List<JobTask> tasks, BiConsumer<JobTask, String> arrived) {
                before.run();
                engine.run(description, tasks, arrived);
            }
        };
    }

    private String refusal(Engine engine) {
        Recipe recipe = TinyJob.recipe("budget: uniform\n");
        return assertThrows(CospadiException.class, () -> run(engine, recipe, job.places("out", false)))
                .getMessage();
    }

    @Test
    void aWorkerWithAnotherBackendIsRefused() {
        String message = refusal(meddling(() -> {}, "cpu of another kind"));
        assertTrue(message.contains("cpu of another kind") && message.contains("threads 1"), message);
    }

    @Test
    void aWorkerThatSeesAnotherModelIsRefused() {
        String message = refusal(meddling(
                () -> {
                    try {
                        Path weights = job.model().resolve("model.safetensors");
                        byte[] bytes = Files.readAllBytes(weights);
                        bytes[bytes.length - 2] ^= 1;
                        Files.write(weights, bytes);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                },
                new Threads(1, 1).backend()));
        assertTrue(message.contains("holds another ") && message.contains("same model"), message);
    }

    /** Deletes the text, as on a machine that does not see it. */
    private void deleteData() {
        try {
            Files.delete(job.data());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void workersReadNoTextButTheTokensThatTheJobLeftThem() {
        Recipe recipe = TinyJob.recipe("budget: uniform\nsample: random\n");
        TreeMap<String, String> expected = single(recipe);
        boolean[] first = {true};
        Runnable once = () -> {
            if (first[0]) {
                deleteData();
            }
            first[0] = false;
        };
        run(meddling(once, new Threads(1, 1).backend()), recipe, job.places("out", false));
        assertEquals(expected, TinyJob.contents(job.out("out")));
    }

    @Test
    void aWorkerThatSeesOtherTokensIsRefused() {
        String message = refusal(meddling(
                () -> {
                    try {
                        Path tokens = job.places("out", false).work().resolve("tokens.ids");
                        Files.writeString(tokens, "9 " + Files.readString(tokens));
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                },
                new Threads(1, 1).backend()));
        assertTrue(message.contains("holds other windows than the job's"), message);
    }

    @Test
    void aWorkerThatSeesOtherFilesIsRefused() {
        String message = refusal(meddling(
                () -> {
                    try {
                        Files.writeString(
                                job.places("out", false).work().resolve("fingerprint.json"),
                                "{\"ratio\": \"0.3\"}",
                                StandardCharsets.UTF_8);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                },
                new Threads(1, 1).backend()));
        assertTrue(message.contains("file system"), message);
    }
}
