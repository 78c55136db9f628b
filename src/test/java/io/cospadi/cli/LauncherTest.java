package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script beside pom.xml, with a Java that only says what it was called with. */
class LauncherTest {
    @TempDir
    Path folder;

    private Path home;
    private Path jdk;

    @BeforeEach
    void install() throws IOException {
        home = Files.createDirectories(folder.resolve("a home with spaces"));
        Files.copy(Path.of("cospadi"), home.resolve("cospadi"));
        home.resolve("cospadi").toFile().setExecutable(true);
        Files.createDirectories(home.resolve("target"));
        Files.createFile(home.resolve("target/cospadi-0.jar"));
        jdk = java("17.0.1", "#!/bin/sh\nfor a in \"$@\"; do echo \"<$a>\"; done\nexit 7\n");
    }

    private Path java(String version, String script) throws IOException {
        Path java = Files.createDirectories(folder.resolve("jdk " + version));
        Files.createDirectories(java.resolve("bin"));
        Files.writeString(java.resolve("bin/java"), script);
        java.resolve("bin/java").toFile().setExecutable(true);
        Files.writeString(java.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
        return java;
    }

    private Program.Result start(Path script, Path javaHome, String... arguments) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(script.toString()).directory(folder.toFile());
        builder.command().addAll(List.of(arguments));
        builder.environment().putAll(Map.of("JAVA_HOME", javaHome.toString()));
        Path err = folder.resolve("err");
        Process process = builder.redirectError(err.toFile()).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Program.Result(process.waitFor(), out, Files.readString(err));
    }

    @Test
    void argumentsAndStatusPassThroughFromAnyPlaceAndThroughLinks() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("a home with spaces/cospadi"));
        for (Path script : List.of(home.resolve("cospadi"), link)) {
            Program.Result result = start(script, jdk, "generate", "two words", "", "*");
            assertEquals(7, result.status(), result.err());
            assertTrue(
                    result.out()
                            .endsWith("<" + home.toRealPath().resolve("target/cospadi-0.jar")
                                    + ">\n<generate>\n<two words>\n<>\n<*>\n"),
                    result.out());
            assertEquals("", result.err());
        }
    }

    @Test
    void oldOrMissingJavaIsNamed() throws Exception {
        Program.Result old = start(home.resolve("cospadi"), java("11.0.2", "#!/bin/sh\n"), "plan");
        assertEquals(1, old.status());
        assertTrue(
                old.err().startsWith("cospadi: Java 17 or later is needed")
                        && old.err().contains("is 11"),
                old.err());
        Program.Result missing = start(home.resolve("cospadi"), folder.resolve("nowhere"), "plan");
        assertEquals(1, missing.status());
        assertTrue(missing.err().startsWith("cospadi: JAVA_HOME is"), missing.err());
    }
}
