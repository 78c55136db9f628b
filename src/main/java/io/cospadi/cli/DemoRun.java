package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.calibration.RawText;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.compression.BudgetChoice;
import io.cospadi.compression.CompressionJob;
import io.cospadi.compression.JobEnvironment;
import io.cospadi.compression.JobPlaces;
import io.cospadi.compression.Objective;
import io.cospadi.compression.OutputWeighting;
import io.cospadi.compression.Propagation;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.Sample;
import io.cospadi.compression.RunReport.Score;
import io.cospadi.compression.RunReportFile;
import io.cospadi.compression.Sampling;
import io.cospadi.compression.Sharing;
import io.cospadi.decoder.Generator;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.ResidentModel;
import io.cospadi.evaluation.EvaluationSettings;
import io.cospadi.evaluation.Perplexity;
import io.cospadi.evaluation.TokenPerplexity;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.format.ModelFolder;
import io.cospadi.quantization.Precision;
import io.cospadi.report.HtmlReport;
import io.cospadi.tensor.MaskGroups;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** The steps of the demo, each by the code that the command of its name runs. */
final class DemoRun {
    /** Tokens of a window, for calibration and evaluation alike. */
    static final int WINDOW = 256;

    private static final double RATIO = 0.2;
    private static final int CALIBRATION_WINDOWS = 64;
    private static final int NEW_TOKENS = 32;

    private final DemoModel model;
    private final Backend backend;
    private final int[] heldOut;

    DemoRun(DemoModel model, Backend backend) {
        this.model = model;
        this.backend = backend;
        try (Tokenizer tokenizer = Tokenizer.open(model.dense())) {
            heldOut = tokenizer.encode(RawText.read(model.heldOutText()));
        }
    }

    /** What {@code compress DENSE --out OUT --ratio 0.2 --method METHOD --data CALIBRATION --window 256} does. */
    RunReport compress(Method method, Path out, JobEnvironment environment) {
        Recipe recipe = new Recipe(
                RATIO,
                method,
                Solver.BLOCK,
                Pursuit.EXACT,
                BudgetChoice.UNIFORM,
                Objective.OUTPUT,
                SolverSettings.defaultRounds(method, Solver.BLOCK),
                Recipe.DEFAULT_SEED,
                CALIBRATION_WINDOWS,
                WINDOW,
                Sampling.CONSECUTIVE,
                Precision.DEFAULT,
                MaskGroups.NONE,
                List.of(),
                List.of(),
                List.of(),
                Sharing.NONE,
                new OutputWeighting(OutputCovariance.DIAGONAL, OptionalDouble.empty()),
                OptionalDouble.empty(),
                Propagation.DENSE);
        JobPlaces places =
                new JobPlaces(model.dense(), out, List.of(model.calibrationText()), Optional.empty(), false, true);
        return new CompressionJob(recipe, places, environment).run().report();
    }

    /** What {@code eval FOLDER --text HELDOUT --window 256} does. */
    Perplexity evaluate(Path folder, Path spill) {
        try (ModelWeights weights = ModelFolder.open(folder)) {
            return TokenPerplexity.evaluate(
                    weights,
                    backend,
                    model.heldOutText().getFileName().toString(),
                    heldOut,
                    EvaluationSettings.on(backend, weights.config(), WINDOW, 0, 1, spill),
                    Progress.NONE);
        }
    }

    /** What {@code generate FOLDER --prompt PROMPT --max-tokens 32} does: greedily. */
    Sample generate(Path folder, String label, String prompt) {
        try (Tokenizer tokenizer = Tokenizer.open(model.dense());
                ModelWeights weights = ModelFolder.open(folder)) {
            int[] ids = tokenizer.encode(prompt);
            try (ResidentModel resident = new ResidentModel(weights, backend, ids.length + NEW_TOKENS)) {
                Generator.Result result = new Generator(
                                resident, weights.config().eosTokens())
                        .generate(ids, NEW_TOKENS, io.cospadi.decoder.Sampling.GREEDY, token -> {});
                // decoded together, because a tokenizer may need the prompt to place the first space
                int[] all = Arrays.copyOf(ids, ids.length + result.tokens().length);
                System.arraycopy(result.tokens(), 0, all, ids.length, result.tokens().length);
                String whole = tokenizer.decode(all);
                String text = whole.startsWith(prompt) ? whole.substring(prompt.length()) : whole;
                // a few tokens of a tiny model time the first compilation of the code, so their rate is left out
                return new Sample(label, prompt, text, 0);
            }
        }
    }

    /** What {@code report FOLDER --evaluation ...} does: adds figures and texts to a run's report, and draws it. */
    static RunReport extend(Path folder, RunReport report, List<Score> scores, List<Sample> samples)
            throws IOException {
        RunReport extended = report.with(scores, samples);
        Path file = folder.resolve(RunReportFile.PLACE);
        RunReportFile.write(file, extended);
        HtmlReport.write(file.resolveSibling("report.html"), List.of(extended));
        return extended;
    }

    /** Bytes of the weights of a folder of one file. */
    static long weightBytes(Path folder) throws IOException {
        return Files.size(folder.resolve("model.safetensors"));
    }
}
