package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.compression.RecipeException;
import io.cospadi.decoder.Generator;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.ResidentModel;
import io.cospadi.decoder.Sampling;
import io.cospadi.format.ModelFolder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.IntConsumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code generate MODEL --prompt TEXT}: what the model goes on to write. */
@Command(name = "generate", description = "Continues a prompt with a dense or compact model.")
final class GenerateCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "Dense or compact folder.")
    private Path model;

    @Option(names = "--prompt", paramLabel = "TEXT", required = true, description = "Text to continue.")
    private String prompt;

    @Option(names = "--max-tokens", paramLabel = "N", description = "At most so many new tokens (default: 128).")
    private int maxTokens = 128;

    @Option(names = "--temperature", paramLabel = "T", description = "Above 0 draws by chance (default: most likely).")
    private Double temperature;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "Draws from the likeliest tokens of this total (default: 1).")
    private Double topP;

    @Option(names = "--seed", paramLabel = "N", description = "Equal seeds give equal text (default: 42).")
    private long seed = 42;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    GenerateCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        SharedOptions.atLeast("--max-tokens", maxTokens, 1);
        Sampling sampling = sampling();
        Generator.Result result;
        String text;
        try (ModelWeights weights = ModelFolder.open(model);
                Tokenizer tokenizer = Tokenizer.open(model);
                Backend backend = shared.open(terminal)) {
            int[] ids = tokenizer.encode(prompt);
            int positions = weights.config().maxPositions();
            int capacity = (int) Math.min(positions, (long) ids.length + maxTokens);
            try (ResidentModel resident = new ResidentModel(weights, backend, capacity)) {
                Writer writer = new Writer(tokenizer, ids);
                int most = Math.min(maxTokens, Math.max(1, capacity - ids.length));
                result = new Generator(resident, weights.config().eosTokens()).generate(ids, most, sampling, writer);
                text = writer.finish();
            }
        }
        if (shared.json) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("text", text);
            json.put("tokens", result.tokens().length);
            json.put("tokens_per_second", result.tokensPerSecond());
            terminal.json(json);
        } else {
            terminal.note(String.format(
                    Locale.ROOT,
                    "%d tokens, %.1f tokens/s after %.2f s for the prompt",
                    result.tokens().length,
                    result.tokensPerSecond(),
                    result.promptSeconds()));
        }
        return ExitStatus.DONE;
    }

    private Sampling sampling() {
        if (temperature == null && topP != null) {
            throw RecipeException.usage("--top-p needs --temperature; without it the most likely token is taken");
        }
        try {
            return temperature == null ? Sampling.GREEDY : new Sampling(temperature, topP == null ? 1 : topP, seed);
        } catch (IllegalArgumentException e) {
            throw RecipeException.usage(e.getMessage());
        }
    }

    /** Shows text as it grows; a character whose bytes are spread over several tokens appears when it is whole. */
    private final class Writer implements IntConsumer {
        private final Tokenizer tokenizer;
        private final int promptTokens;
        private final String before;
        private int[] ids;
        private int shown;

        Writer(Tokenizer tokenizer, int[] prompt) {
            this.tokenizer = tokenizer;
            this.ids = prompt.clone();
            this.promptTokens = prompt.length;
            this.before = tokenizer.decode(prompt);
        }

        @Override
        public void accept(int token) {
            ids = Arrays.copyOf(ids, ids.length + 1);
            ids[ids.length - 1] = token;
            if (!shared.json) {
                String text = text();
                if (!text.endsWith("\uFFFD")) {
                    show(text);
                }
            }
        }

        private String text() {
            String all = tokenizer.decode(ids);
            return all.startsWith(before)
                    ? all.substring(before.length())
                    : tokenizer.decode(Arrays.copyOfRange(ids, promptTokens, ids.length));
        }

        private void show(String text) {
            if (text.length() > shown) {
                terminal.out().print(text.substring(shown));
                terminal.out().flush();
                shown = text.length();
            }
        }

        String finish() {
            String text = text();
            if (!shared.json) {
                show(text);
                terminal.out().println();
            }
            return text;
        }
    }
}
