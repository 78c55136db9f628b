package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.compression.TinyJob;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class CommandLineTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Of a table besides its rows: three rules and the head. */
    private static final int TABLE_LINES = 4;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "plan --raito 0.2 M                     | did you mean --ratio?",
                "comress M                              | did you mean compress?",
                "plan M --ratio two                     | --ratio",
                "plan M --ratio 1.5                     | between 0 and 1",
                "plan M                                 | --ratio is missing",
                "plan --ratio 0.2                       | MODEL is missing",
                "plan M --ratio 0.2 --method cospady    | did you mean cospadi?",
                "plan M --ratio 0.2 --solver kvsd       | did you mean ksvd?",
                "compress M --ratio 0.2                 | --out is missing",
                "compress M --ratio 0.2 --out O         | --data or --stats is missing",
                "compress M --ratio .2 --out O --data D --stats S | both --data and --stats",
                "compress M --ratio .2 --out O --data D --backend gpu | none of auto, cpu, cuda",
                "generate M --prompt P --max-vram lots  | a number with k, m, g or t behind it; found lots",
                "generate M --prompt P --max-vram 0g    | a number with k, m, g or t behind it; found 0g",
                "generate M --prompt P --max-vram 9999999999t | more than any GPU has",
                "generate M --prompt P --device one     | --device",
                "compress M --ratio .2 --out O --data --solvr block | '--solvr' is no option of this command",
                "compress M --ratio .2 --out O --data D --solvr block | unknown option --solvr; did you mean --solver?",
                "compress M --ratio .2 --out O --data D --share 2 --budget pooled | is auto or uniform",
                "eval M                                 | --text",
                "eval M --text T --window 1             | at least 2",
                "eval M --stats S                       | --stats needs --reference DENSE",
                "generate M --prompt P --top-p 0.5      | --temperature",
                "calibrate M --data D --out O --shard 5 | I/N",
                "calibrate M --data D --out O --labels txt | did you mean text?",
                "calibrate M --data D --out O --gradient-windows -1 | at least 0",
                "calibrate M --data D --out O --gradient-window 1 | at least 2",
                "calibrate M --data D --out O --gradient-clipping 0 | above 0",
                "calibrate M --data D --out O --weight-gradients | needs --labels text",
                "calibrate M --data D --out O --gradient-windows 0 --output-covariance full | need gradients",
                "calibrate M --data D --out O --output-covariance ful | did you mean full?",
                "compress M --out O --data D --max-perplexity-increase 5 | --perplexity-text is missing",
                "compress M --out O --data D --ratio .2 --perplexity-text T | belongs to --max-perplexity-increase",
                "compress M --out O --stats S --max-perplexity-increase 5 --perplexity-text T --shard 0/2 | needs --ratio",
                "budget M --out O --stats S --max-perplexity-increase 5 --perplexity-text T | needs --ratio",
                "plan M --max-perplexity-increase 5      | plan needs --ratio",
                "compress M --ratio .2 --out O --data D --method asvd --output-covariance full | is full for kfac-svd",
                "compress M --ratio .2 --out O --data D --shard 0/2 | needs --stats",
                "compress M --ratio .2 --out O --data D --propagate compresed | did you mean compressed?",
                "compress M --ratio .2 --out O --data D --propagate compressed --share 2 | is dense where projections share",
                "compress M --ratio .2 --out O --data D --propagate compressed --shard 0/2 | layer by layer",
                "budget M --ratio .2 --out O --stats S --propagate inputs | layer by layer",
                "spark-compress M --ratio .2 --out O --data D --propagate compressed | layer by layer",
                "compress M --ratio .2 --out O --stats S --shard 2/2 | I/N",
                "merge --out O                          | WORK",
                "bench                                  | compress, decode, gradients or kernels",
                "bench kernels --ratios 0.2,1.5         | between 0 and 1",
                "bench kernels --shape llama-3-8        | did you mean llama-3-8b?",
                "bench kernels --groups 4:8             | none of none, 8:16, 2:4",
                "verify                                 | MODEL",
                "''                                     | no command",
            })
    void wrongUsageIsStatusTwoAndOneLine(String arguments, String part) {
        String[] words = arguments.isBlank() ? new String[0] : arguments.strip().split("\\s+");
        Program.Result result = Program.run(words);
        assertEquals(2, result.status(), result.err());
        assertEquals("", result.out());
        assertEquals(1, result.err().lines().count(), result.err());
        assertTrue(result.err().startsWith("cospadi: "), result.err());
        assertTrue(result.err().contains(part.strip()), result.err());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "plan NOWHERE --ratio 0.2 --json                       | NOWHERE",
                "plan MODEL --ratio 0.2 --exclude q_prjo --json        | did you mean q_proj?",
                "plan MODEL --recipe NOWHERE --json                    | NOWHERE",
                "compress MODEL --ratio .2 --window 16 --out OUT --data NOWHERE.json --json | NOWHERE",
                "compress MODEL --ratio .2 --out OUT --data DATA --json --backend cuda --device 99 | --backend cuda can't be met",
                "compress MODEL --ratio .2 --out OUT --stats NOWHERE --json | NOWHERE",
                "merge NOWHERE --out OUT --json                        | NOWHERE",
                "eval MODEL --text NOWHERE --json                      | tokenizer.json",
                "eval MODEL --stats NOWHERE --reference MODEL --json   | NOWHERE",
                "generate NOWHERE --prompt x --json                    | NOWHERE",
                "inspect NOWHERE --json                                | NOWHERE",
                "verify NOWHERE --json                                 | NOWHERE",
            })
    void failureIsStatusOneAndOneLineAndStdoutStaysEmpty(String arguments, String part) {
        TinyJob job = TinyJob.in(folder);
        List<String> words = new ArrayList<>();
        for (String word : arguments.strip().split("\\s+")) {
            words.add(
                    switch (word) {
                        case "MODEL" -> job.model().toString();
                        case "OUT" -> job.out("out").toString();
                        case "DATA" -> job.data().toString();
                        case "NOWHERE.json" -> job.out("NOWHERE.json").toString();
                        case "NOWHERE" -> job.out("NOWHERE").toString();
                        default -> word;
                    });
        }
        Program.Result result = Program.run(words.toArray(new String[0]));
        assertEquals(1, result.status(), result.err());
        assertEquals("", result.out());
        assertTrue(result.lastLine().startsWith("cospadi: "), result.err());
        assertTrue(result.lastLine().contains(part.strip()), result.err());
        assertFalse(result.err().contains("\tat "), result.err());
    }

    @Test
    void compressPrintsTheContractsObjectAndNothingElse() throws Exception {
        TinyJob job = TinyJob.in(folder);
        List<String> arguments = job.arguments("out");
        arguments.addAll(List.of("--json", "--backend", "cpu"));
        Program.Result result = Program.run(arguments.toArray(new String[0]));
        assertEquals(0, result.status(), result.err());
        assertEquals(1, result.out().lines().count());
        JsonNode json = JSON.readTree(result.out());
        assertEquals(job.out("out").toString(), json.get("output").asText());
        assertEquals("cospadi", json.get("method").asText());
        assertEquals("block", json.get("solver").asText());
        assertEquals("auto", json.get("budget").asText());
        assertEquals(0.2, json.at("/ratio/target").asDouble());
        assertTrue(json.at("/ratio/projections").asDouble() >= 0.2);
        assertTrue(json.at("/ratio/file").isNumber());
        assertTrue(json.get("seconds").asDouble() > 0);
        assertEquals(14, json.get("projections").size());
        int factored = 0;
        for (JsonNode projection : json.get("projections")) {
            boolean dense = projection.get("k").isNull();
            factored += dense ? 0 : 1;
            for (String key : List.of("name", "d1", "d2", "relative_error", "seconds")) {
                assertTrue(projection.hasNonNull(key), key);
            }
            assertEquals(dense, projection.get("s").isNull(), projection.toString());
        }
        assertTrue(factored > 0, "all projections stayed dense");

        Program.Result again = Program.run(arguments.toArray(new String[0]));
        assertEquals(0, again.status());
        assertEquals(json, JSON.readTree(again.out()), "a complete output answers with its own report");
        assertTrue(again.err().contains("complete already"), again.err());

        assertEquals(0, Program.run("verify", job.out("out").toString()).status());
        JsonNode held = JSON.readTree(
                Program.run("inspect", job.out("out").toString(), "--json").out());
        assertTrue(held.get("compact").asBoolean());
        assertEquals(factored, held.at("/cospadi/modules").size());
    }

    @Test
    void gramsOfCalibrateServeCompressAndGiveTheSameWeights() throws Exception {
        TinyJob job = TinyJob.in(folder);
        List<String> arguments = job.arguments("out");
        assertEquals(0, Program.run(arguments.toArray(new String[0])).status());
        for (String shard : List.of("0/2", "1/2")) {
            Program.Result share = Program.run(
                    "calibrate",
                    job.model().toString(),
                    "--data",
                    job.data().toString(),
                    "--out",
                    job.out("share" + shard.charAt(0)).toString(),
                    "--windows",
                    "8",
                    "--window",
                    "16",
                    "--threads",
                    "1",
                    "--shard",
                    shard);
            assertEquals(0, share.status(), share.err());
        }
        Program.Result merged = Program.run(
                "merge-stats",
                job.out("share0").toString(),
                job.out("share1").toString(),
                "--out",
                job.out("stats").toString(),
                "--threads",
                "1",
                "--json");
        assertEquals(0, merged.status(), merged.err());
        assertEquals(128, JSON.readTree(merged.out()).get("tokens").asInt());
        Program.Result compressed = Program.run(
                "compress",
                job.model().toString(),
                "--stats",
                job.out("stats").toString(),
                "--out",
                job.out("again").toString(),
                "--ratio",
                "0.2",
                "--rounds",
                "5",
                "--threads",
                "1");
        assertEquals(0, compressed.status(), compressed.err());
        assertEquals(
                TinyJob.contents(job.out("out")).get("model.safetensors"),
                TinyJob.contents(job.out("again")).get("model.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--share 2",
                "--budget uniform --value-bits 4 --dictionary-bits 6",
                "--method svd-llm",
                "--method gptq"
            })
    void errorsUnderTheStoreOfTheFitAreTheJobsOwn(String options) throws Exception {
        TinyJob job = TinyJob.in(folder);
        for (String seed : List.of("0", "1")) {
            Program.Result calibrated = Program.run(("calibrate " + job.model() + " --data " + job.data()
                            + " --windows 8 --window 16 --sample random --gradient-window 16 --threads 1 --backend cpu"
                            + " --seed " + seed + " --out " + job.out("stats" + seed))
                    .split(" "));
            assertEquals(0, calibrated.status(), calibrated.err());
        }
        Program.Result made = Program.run(("compress " + job.model() + " --stats " + job.out("stats0") + " --out "
                        + job.out("out") + " --ratio 0.3 --threads 1 --backend cpu --json " + options)
                .split(" "));
        assertEquals(0, made.status(), made.err());
        String eval = "eval " + job.out("out") + " --reference " + job.model() + " --backend cpu --stats "
                + job.out("stats0") + " " + job.out("stats1");
        JsonNode errors =
                JSON.readTree(Program.run((eval + " --json").split(" ")).out()).get("errors");
        assertEquals(2, errors.size());
        Map<String, Double> own = new TreeMap<>();
        JSON.readTree(made.out())
                .get("projections")
                .forEach(p ->
                        own.put(p.get("name").asText(), p.get("relative_error").asDouble()));
        own.values().removeIf(error -> error == 0); // kept dense
        Map<String, Double> found = new TreeMap<>();
        errors.at("/0/projections")
                .forEach(p -> found.put(
                        p.get("name").asText(), p.get("relative_error").asDouble()));
        assertEquals(own.keySet(), found.keySet());
        // the job's is in f64 throughout; here W comes out of the decoder's f32 products: 6e-8 of it, squared and
        // summed
        found.forEach((name, error) -> assertEquals(own.get(name), error, 1e-5 * error + 1e-13, name));
        double seen = 0;
        double unseen = 0;
        for (int i = 0; i < found.size(); i++) {
            seen += errors.at("/0/projections").get(i).get("relative_error").asDouble();
            unseen += errors.at("/1/projections").get(i).get("relative_error").asDouble();
        }
        assertTrue(unseen > seen, unseen + " on other windows, " + seen + " on those of the fit");
        Program.Result text = Program.run(eval.split(" "));
        assertEquals(0, text.status(), text.err());
        assertEquals(found.size() + TABLE_LINES, text.out().lines().count(), text.out());
    }

    @Test
    void planAnswersWithSizesMemoryAndTime() throws Exception {
        TinyJob job = TinyJob.in(folder);
        Program.Result text = Program.run("plan", job.model().toString(), "--ratio", "0.2");
        assertEquals(0, text.status(), text.err());
        String body = text.out().substring(text.out().indexOf('\n'));
        assertTrue(body.lines().allMatch(line -> line.length() <= 80), body);
        JsonNode json = JSON.readTree(Program.run("plan", job.model().toString(), "--ratio", "0.2", "--json")
                .out());
        for (String path : List.of(
                "/ratio/projections",
                "/peak_memory/bytes",
                "/time/seconds",
                "/time/basis",
                "/projections/0/k",
                "/projections/0/s",
                "/projections/0/bytes",
                "/projections/0/paper/k_14_bit")) {
            assertFalse(json.at(path).isMissingNode(), path);
        }
    }

    @Test
    void planRefusesWhatCompressWouldRefuse() {
        TinyJob job = TinyJob.in(folder);
        String model = job.model().toString();
        Program.Result small = Program.run("plan", model, "--ratio", "0.99");
        assertEquals(1, small.status(), small.out());
        assertTrue(
                small.lastLine()
                        .contains(
                                "ratio 0.99 can't be met: 14 of 14 projections, model.layers.0.self_attn.q_proj the"
                                        + " first, have no factors so small and would stay dense, with a true ratio of 0.0000; "),
                small.lastLine());
        String nowhere = folder.resolve("nowhere").toString();
        Program.Result missing = Program.run("plan", model, "--ratio", "0.2", "--stats", nowhere);
        assertEquals(1, missing.status(), missing.out());
        assertTrue(missing.lastLine().startsWith("cospadi: " + nowhere + " holds no Gram store; "), missing.lastLine());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "generate M --promt x              | unknown option --promt; did you mean --prompt?",
                "calibrate M --data c --otu s      | unknown option --otu; did you mean --out?",
                "eval --jsno                       | unknown option --jsno; did you mean --json?",
                "eval --text held.txt M            | 'MODEL'; if M is the model, put it before the options: it was taken as another --text",
                "compress --ratio 0.2 --out g --data c M | MODEL is missing: the model's folder; if M is the model, put it before the options: it was taken as another --data",
                "eval --text held.txt              | missing required parameter: 'MODEL' (see",
                "compare one                       | name two compact folders to compare, or more; found 1"
            })
    void whatIsMissingIsLookedForAmongWhatWasGiven(String arguments, String expected) {
        Program.Result result = Program.run(arguments.strip().split("\\s+"));
        assertEquals(2, result.status(), result.err());
        assertTrue(result.lastLine().contains(expected), result.lastLine());
    }

    @Test
    void planSaysWhetherAGpusMemoryIsEnough() throws Exception {
        TinyJob job = TinyJob.in(folder);
        for (boolean enough : new boolean[] {false, true}) {
            String limit = enough ? "128m" : "32m";
            String[] arguments = {"plan", job.model().toString(), "--ratio", "0.2", "--max-vram", limit};
            Program.Result text = Program.run(arguments);
            assertTrue(text.out().contains(enough ? ": enough\n" : ": too little\n"), text.out());
            assertTrue(text.out().lines().skip(1).allMatch(line -> line.length() <= 80), text.out());
            String[] asJson = Arrays.copyOf(arguments, arguments.length + 1);
            asJson[arguments.length] = "--json";
            JsonNode memory = JSON.readTree(Program.run(asJson).out()).path("gpu_memory");
            assertEquals(enough, memory.path("enough").booleanValue());
            assertEquals(enough ? 128 << 20 : 32 << 20, memory.path("max_vram").longValue());
            assertTrue(memory.path("bytes").longValue() > 32 << 20, memory.toString());
        }
    }

    @Test
    void groupsThatShareADictionaryAreShown() throws Exception {
        TinyJob job = TinyJob.in(folder);
        Program.Result plan = Program.run("plan", job.model().toString(), "--ratio", "0.2", "--share", "2");
        assertEquals(0, plan.status(), plan.err());
        assertTrue(plan.out().contains("7 groups of 2 layers share a dictionary"), plan.out());
        String body = plan.out().substring(plan.out().indexOf('\n'));
        assertTrue(body.lines().allMatch(line -> line.length() <= 80), body);
        List<String> arguments = job.arguments("out");
        arguments.addAll(List.of("--share", "2", "--budget", "uniform"));
        Program.Result made = Program.run(arguments.toArray(new String[0]));
        assertEquals(0, made.status(), made.err());
        String out = job.out("out").toString();
        Program.Result verified = Program.run("verify", out);
        assertEquals(0, verified.status(), verified.err());
        assertTrue(verified.out().contains("7 sharing groups"), verified.out());
        assertEquals(
                7,
                JSON.readTree(Program.run("verify", out, "--json").out())
                        .get("groups")
                        .asInt());
        Program.Result held = Program.run("inspect", out);
        assertEquals(
                7,
                held.out().lines().filter(line -> line.endsWith("shared by 2")).count(),
                held.out());
        Program.Result report = Program.run("report", out);
        assertEquals(0, report.status(), report.err());
    }

    @Test
    void helpFitsEightyColumnsAndVersionNamesTheCommit() {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(sink, true);
        CommandLine root = Main.commandLine(new Terminal(stream, stream, OptionalInt.empty()), new StopSignal());
        List<CommandLine> all = new ArrayList<>(List.of(root));
        for (int i = 0; i < all.size(); i++) {
            all.addAll(all.get(i).getSubcommands().values());
            String help = all.get(i).getUsageMessage(CommandLine.Help.Ansi.OFF);
            assertTrue(help.lines().allMatch(line -> line.length() <= 80), help);
        }
        assertTrue(all.size() > 12);
        Program.Result version = Program.run("--version");
        assertEquals(0, version.status());
        assertTrue(version.out().matches("cospadi \\S+ \\(commit \\S+\\)\\R"), version.out());
    }
}
