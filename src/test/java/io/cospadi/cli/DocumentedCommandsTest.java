package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.compression.TinyJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine.ParameterException;

/** Commands of the pages: each is one that the program takes, and each benchmark has a dry run. */
class DocumentedCommandsTest {
    private static final List<String> PAGES = List.of("README.md", "benchmarks/README.md", "benchmarks/research.md");

    /** A command in a text, {@code bench decode --shape NAME}; one without arguments is only named there. */
    private static final Pattern INLINE =
            Pattern.compile("`(?:\\./cospadi )?(bench \\w+ [^`]+|doctor --[^`]+|demo --[^`]+)`");

    private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");

    @TempDir
    Path folder;

    /** Arguments as a shell would split them, up to a comment. */
    private static List<String> words(String command) {
        List<String> words = new ArrayList<>();
        Matcher matcher = WORD.matcher(command.replaceFirst("\\s#\\s.*", ""));
        while (matcher.find()) {
            words.add(matcher.group().replaceAll("^['\"]|['\"]$", ""));
        }
        return words;
    }

    private static List<List<String>> commands(String page) throws IOException {
        String text = Files.readString(Path.of(page)).replaceAll(" *\\\\\\n *", " ");
        List<List<String>> commands = new ArrayList<>();
        for (String line : text.lines().toList()) {
            String bare = line.strip();
            if (bare.startsWith("./cospadi ")) {
                commands.add(words(bare.substring("./cospadi ".length())));
            } else if (bare.startsWith("spark-submit ")) {
                commands.add(words(bare.substring(bare.indexOf("spark-compress"))));
            } else if (bare.startsWith("... ")) {
                // the command before, its options being others
                List<String> before = commands.get(commands.size() - 1);
                int options = before.indexOf(before.stream()
                        .filter(word -> word.startsWith("--"))
                        .findFirst()
                        .orElseThrow());
                List<String> other = new ArrayList<>(before.subList(0, options));
                other.addAll(words(bare.substring(4)));
                commands.add(other);
            } else if (!line.startsWith("    ")) {
                Matcher inline = INLINE.matcher(line);
                while (inline.find()) {
                    commands.add(words(inline.group(1).replaceAll("[\\[\\]]", "")));
                }
            }
        }
        return commands;
    }

    private static List<List<String>> all() throws IOException {
        List<List<String>> all = new ArrayList<>();
        for (String page : PAGES) {
            List<List<String>> found = commands(page);
            assertTrue(found.size() > 5, page + " has " + found);
            all.addAll(found);
        }
        return all;
    }

    @Test
    void everyCommandIsOneThatTheProgramTakes() throws Exception {
        Terminal terminal = new Terminal(System.out, System.err, OptionalInt.empty());
        for (List<String> command : all()) {
            String[] words = command.stream()
                    .map(word -> word.equals("I/4") ? "0/4" : word)
                    .toArray(String[]::new);
            try {
                Main.commandLine(terminal, new StopSignal()).parseArgs(words);
            } catch (ParameterException e) {
                throw new AssertionError(String.join(" ", command) + ": " + e.getMessage(), e);
            }
        }
    }

    /** With a model that has the layers which the commands name. */
    @Test
    void everyBenchmarkHasADryRun() throws Exception {
        TinyJob job = TinyJob.in(folder);
        Path model = TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", 32)
                .with("intermediate_size", 48)
                .with("num_hidden_layers", 30)
                .with("vocab_size", 61)
                .write(folder.resolve("thirty layers"));
        for (String store : List.of("seen", "unseen")) {
            Program.Result made = Program.run(
                    "calibrate",
                    model.toString(),
                    "--data",
                    job.data().toString(),
                    "--out",
                    folder.resolve(store).toString(),
                    "--windows",
                    "2",
                    "--window",
                    "16",
                    "--gradient-windows",
                    "0",
                    "--backend",
                    "cpu");
            assertEquals(0, made.status(), made.err());
        }
        int run = 0;
        for (List<String> command : all()) {
            if (command.get(0).equals("bench") && command.size() > 2) {
                List<String> words = new ArrayList<>();
                for (String word : command) {
                    words.add(
                            switch (word) {
                                case "MODEL" -> model.toString();
                                case "seen", "unseen" -> folder.resolve(word).toString();
                                default -> word;
                            });
                }
                words.addAll(List.of("--dry-run", "--json"));
                Program.Result result = Program.run(words.toArray(new String[0]));
                assertEquals(0, result.status(), String.join(" ", command) + "\n" + result.err());
                assertTrue(result.out().contains("\"cases\":[{"), String.join(" ", command) + "\n" + result.out());
                run++;
            }
        }
        assertTrue(run > 10, run + " benchmarks");
    }
}
