package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.compression.TinyJob;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each benchmark through the command line, on the processor and at sizes that are over in seconds, and its dry run. */
class BenchCommandsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private static Program.Result run(String arguments, String... more) {
        List<String> words = new ArrayList<>(Arrays.asList(arguments.split(" ")));
        words.addAll(List.of("--backend", "cpu", "--threads", "1"));
        words.addAll(List.of(more));
        Program.Result result = Program.run(words.toArray(new String[0]));
        assertEquals(0, result.status(), result.err());
        return result;
    }

    private static JsonNode json(String arguments, String... more) throws Exception {
        String[] words = Arrays.copyOf(more, more.length + 1);
        words[more.length] = "--json";
        Program.Result result = run(arguments, words);
        assertEquals(1, result.out().lines().count(), result.out());
        return JSON.readTree(result.out());
    }

    /** A figure whose place and program nobody knows means nothing. */
    private static void requireEnvironment(JsonNode json) {
        assertEquals(BuildInfo.read().commit(), json.path("commit").asText());
        assertTrue(json.path("program").asText().contains(json.path("commit").asText()), json.toString());
        assertTrue(json.path("backend").asText().startsWith("cpu OpenBLAS"), json.toString());
        assertEquals(Machine.here().cpu(), json.path("device").asText());
        assertEquals(Machine.here().cpu(), json.path("processor").asText());
        assertEquals(1, json.path("threads").asInt());
        assertFalse(json.has("clocks"), "the processor's are not known");
    }

    /** Lines, but for those of a table's frame. */
    private static List<String> lines(String text) {
        return text.lines().filter(line -> !line.matches("[╭├╰].*")).toList();
    }

    private static List<String> cases(JsonNode list) {
        List<String> cases = new ArrayList<>();
        list.forEach(each -> cases.add(each.get("kernel").asText() + " | "
                + each.get("on").asText() + " | " + each.get("shape").asText() + " | "
                + each.path("flops").asDouble() + " | " + each.path("bytes").asDouble()));
        return cases;
    }

    @Test
    void kernels() throws Exception {
        String command = "bench kernels --shape tiny --ratios 0.2 --groups 2:4 --repetitions 1";
        JsonNode measured = json(command);
        requireEnvironment(measured);
        assertEquals("tiny", measured.path("shape").asText());
        for (JsonNode kernel : measured.get("kernels")) {
            assertTrue(
                    kernel.path("seconds").asDouble() > 0 && kernel.path("roof").asDouble() > 0, kernel.toString());
            assertTrue(kernel.path("share").asDouble() > 0, kernel.toString());
        }
        JsonNode planned = json(command, "--dry-run");
        assertEquals(cases(measured.get("kernels")), cases(planned.get("cases")));
        Program.Result text = run("bench kernels --shape tiny --ratios 0.4 --repetitions 1");
        String form =
                "codes +gate,up 0\\.4 +1 x \\d+ x 160, s \\d+ +packed +\\| +\\S+ us \\(p90 +\\S+\\) \\| +\\S+ GB/s +\\|"
                        + " +\\d+ % of \\S+ GB/s \\| \\S+ x dense";
        assertEquals(1, text.out().lines().filter(line -> line.matches(form)).count(), text.out());
    }

    @Test
    void decode() throws Exception {
        String command = "bench decode --shape tiny --ratios 0.2 --window 16 --steps 3 --repetitions 1";
        JsonNode measured = json(command);
        requireEnvironment(measured);
        JsonNode models = measured.get("models");
        assertEquals(2, models.size());
        List<JsonNode> planned = new ArrayList<>();
        json(command, "--dry-run").get("cases").forEach(planned::add);
        for (int i = 0; i < models.size(); i++) {
            JsonNode model = models.get(i);
            assertTrue(model.at("/prefill/seconds").asDouble() > 0, model.toString());
            assertTrue(model.at("/decode/tokens_per_second").asDouble() > 0, model.toString());
            JsonNode prefill = planned.get(2 * i);
            JsonNode decode = planned.get(2 * i + 1);
            assertEquals(model.get("model").asText(), prefill.get("on").asText());
            assertEquals(
                    model.at("/prefill/flops").asDouble(), prefill.get("flops").asDouble());
            assertEquals(
                    model.at("/decode/bytes").asDouble(), decode.get("bytes").asDouble());
        }
        Program.Result text = run(command);
        List<String> lines = lines(text.out());
        assertEquals("dense", lines.get(0));
        assertTrue(lines.get(1).matches(" {2}prefill {2}16 tokens, .* GFLOP/s, \\d+ % of sgemm's .*"), lines.get(1));
        assertTrue(lines.get(5).matches(" {2}decode {3}3 steps, .* tokens/s, \\S+ x"), lines.get(5));
    }

    /** A folder's dry run reads headers alone, of a dense as of a compact one. */
    @Test
    void decodeOfAFolder() throws Exception {
        TinyJob job = TinyJob.in(folder);
        List<String> arguments = job.arguments("out");
        arguments.addAll(List.of("--budget", "uniform"));
        assertEquals(0, Program.run(arguments.toArray(new String[0])).status());
        arguments = job.arguments("low");
        arguments.removeAll(List.of("--rounds", "5"));
        arguments.addAll(List.of("--method", "svd-llm", "--budget", "uniform"));
        assertEquals(0, Program.run(arguments.toArray(new String[0])).status());
        for (Path model : List.of(job.model(), job.out("out"), job.out("low"))) {
            String command = "bench decode " + model + " --window 16 --steps 3 --repetitions 1";
            JsonNode measured = json(command).at("/models/0");
            JsonNode planned = json(command, "--dry-run").get("cases");
            assertEquals(
                    measured.at("/prefill/flops").asDouble(),
                    planned.at("/0/flops").asDouble(),
                    model.toString());
            assertEquals(
                    measured.at("/decode/bytes").asDouble(),
                    planned.at("/1/bytes").asDouble(),
                    model.toString());
        }
    }

    @Test
    void compress() throws Exception {
        String command = "bench compress --shape tiny --layers all --tokens 200 --rounds 1,2";
        JsonNode measured = json(command);
        requireEnvironment(measured);
        assertTrue(measured.path("seconds").asDouble() > 0
                && measured.path("gram_seconds").asDouble() > 0);
        List<String> found = new ArrayList<>();
        for (JsonNode p : measured.get("projections")) {
            found.add(p.get("name").asText() + ", k " + p.get("k") + ", s " + p.get("s") + ", " + p.get("rounds"));
            assertTrue(
                    p.get("error").asDouble() > 0
                            && p.get("sgemm_flops_per_second").asDouble() > 0,
                    p.toString());
        }
        assertEquals(28, found.size());
        List<String> planned = new ArrayList<>();
        int grams = 0;
        for (JsonNode each : json(command, "--dry-run").get("cases")) {
            String kernel = each.get("kernel").asText();
            assertTrue(
                    each.get("flops").asDouble() > 0 && each.get("memory_bytes").asLong() > 0, each.toString());
            if (kernel.equals("Gram")) {
                grams++;
            } else {
                planned.add(each.get("on").asText()
                        + each.get("shape").asText().replaceFirst(".*?(, k)", "$1")
                        + kernel.replaceFirst("block(, \\d+) rounds?", "$1"));
            }
        }
        assertEquals(found, planned);
        assertEquals(14, grams);
        List<String> text = lines(run(command).out());
        assertTrue(text.get(1).matches("│ 0\\.self_attn\\.q_proj │ +33 │ +16 │ +1 │.*"), text.get(1));
        assertTrue(text.get(29).matches("in all \\S+ GFLOP in \\S+ s, .*"), text.get(29));
    }

    @Test
    void gradients() throws Exception {
        String command = "bench gradients " + TinyJob.in(folder).model() + " --windows 2 --window 8 --repetitions 1";
        JsonNode measured = json(command);
        requireEnvironment(measured);
        assertTrue(measured.path("times").asDouble() > 0, measured.toString());
        JsonNode planned = json(command, "--dry-run").get("cases");
        for (int i = 0; i < 2; i++) {
            String pass = i == 0 ? "forward" : "backward";
            assertTrue(measured.at("/" + pass + "/seconds").asDouble() > 0, measured.toString());
            assertEquals(pass, planned.at("/" + i + "/kernel").asText());
            assertEquals(
                    measured.at("/" + pass + "/flops").asDouble(),
                    planned.at("/" + i + "/flops").asDouble());
        }
        List<String> text = lines(run(command).out());
        assertTrue(text.get(0).matches("forward {2}\\S+ GFLOP in \\S+ s: .* % of sgemm's \\S+"), text.get(0));
        assertTrue(text.get(1).matches("backward .* times the forward pass"), text.get(1));
    }

    @Test
    void aDryRunNeedsNoGpuToTellOfOne() throws Exception {
        Program.Result result = Program.run(
                "bench",
                "kernels",
                "--shape",
                "llama-3-8b",
                "--groups",
                "8:16",
                "--backend",
                "cuda",
                "--dry-run",
                "--json");
        assertEquals(0, result.status(), result.err());
        JsonNode json = JSON.readTree(result.out());
        assertTrue(json.path("dry_run").asBoolean(), json.toString());
        assertEquals(BuildInfo.read().commit(), json.path("commit").asText());
        assertEquals("cuda", json.path("backend").asText());
        long most = 0;
        for (JsonNode each : json.get("cases")) {
            most = Math.max(most, each.get("memory_bytes").asLong());
        }
        assertEquals(most, json.path("memory_bytes").asLong());
        assertTrue(most > 1L << 30 && most < 80L << 30, most + " bytes");
        Program.Result text =
                Program.run("bench", "decode", "--shape", "llama-3.2-1b", "--backend", "cuda", "--dry-run");
        assertEquals(0, text.status(), text.err());
        List<String> lines = lines(text.out());
        assertTrue(lines.get(1).matches("│ prefill │ +dense │ 512 tokens │ .*"), text.out());
        assertTrue(lines.get(9).matches("8 cases of llama-3.2-1b as --backend cuda .*"), text.out());
    }

    @Test
    void whatTheModelDoesNotHoldIsRefused() {
        String model = TinyJob.in(folder).model().toString();
        refused(
                "--layers 0-9 is no range of the model's layers, which are 0 to 1;",
                "compress",
                model,
                "--layers",
                "0-9");
        refused("--layers 2 is no range", "compress", model, "--layers", "2", "--dry-run");
        refused("--window 4096 and --steps 32 are more than the model's ", "decode", model, "--window", "4096");
        refused("--steps 4096 leaves no room for a prompt", "decode", model, "--steps", "4096", "--dry-run");
    }

    private static void refused(String message, String... arguments) {
        List<String> words = new ArrayList<>(List.of("bench"));
        words.addAll(List.of(arguments));
        words.addAll(List.of("--backend", "cpu", "--threads", "1"));
        Program.Result result = Program.run(words.toArray(new String[0]));
        assertEquals(2, result.status(), result.err());
        assertTrue(result.err().contains(message), result.err());
    }
}
