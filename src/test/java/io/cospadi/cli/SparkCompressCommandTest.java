package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.compression.TinyJob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Spark within this process; {@code docker/spark/prove-on-one-machine} has a cluster of several. */
class SparkCompressCommandTest {
    /** What spark-submit hands over. */
    private static final Map<String, String> SUBMITTED =
            Map.of("spark.master", "local[2]", "spark.ui.enabled", "false", "spark.driver.bindAddress", "127.0.0.1");

    @TempDir
    Path folder;

    private TinyJob job;

    @BeforeEach
    void submit() {
        job = TinyJob.in(folder);
        SUBMITTED.forEach(System::setProperty);
        System.setProperty("spark.local.dir", folder.resolve("local").toString());
    }

    @AfterEach
    void leave() {
        SUBMITTED.keySet().forEach(System::clearProperty);
        System.clearProperty("spark.local.dir");
    }

    private List<String> arguments(String command, String out) {
        List<String> arguments = new ArrayList<>(job.arguments(out));
        arguments.set(0, command);
        return arguments;
    }

    private static Program.Result run(List<String> arguments) {
        return Program.run(arguments.toArray(String[]::new));
    }

    @Test
    void sparkMakesTheBytesOfOneProcess() {
        Program.Result single = run(arguments("compress", "single"));
        assertEquals(0, single.status(), single.err());
        List<String> arguments = arguments("spark-compress", "spark");
        arguments.add("--json");
        Program.Result spark = run(arguments);
        assertEquals(0, spark.status(), spark.err());
        assertTrue(spark.out().startsWith("{\"output\""), spark.out());
        assertTrue(spark.err().contains("tasks compute with cpu "), spark.err());
        assertEquals(TinyJob.contents(job.out("single")), TinyJob.contents(job.out("spark")));
    }

    @Test
    void whatATaskCantDoIsSaidInItsOwnWords() {
        List<String> arguments = arguments("spark-compress", "spark");
        arguments.addAll(List.of("--backend", "cuda"));
        Program.Result result = run(arguments);
        assertEquals(1, result.status(), result.err());
        assertTrue(
                result.lastLine().startsWith("cospadi: --backend cuda can't be met: no GPU is set apart"),
                result.err());
        assertTrue(Files.notExists(job.out("spark")));
    }

    @Test
    void withoutAClusterTheCommandSaysHowToStartIt() {
        System.clearProperty("spark.master");
        Program.Result result = run(arguments("spark-compress", "spark"));
        assertEquals(1, result.status(), result.err());
        assertTrue(result.lastLine().contains("spark-submit --master"), result.err());
    }
}
