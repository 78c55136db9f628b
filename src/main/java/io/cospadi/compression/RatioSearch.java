package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.LossCurve;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.format.CompactSizes;
import io.cospadi.format.ModelFolder;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The largest ratio at which perplexity on a held-out text is predicted to rise by no more than a limit. The loss is taken to
 * rise by a multiple of what the {@link LossCurves} foresee: by {@link #USUAL_SCALE} at first, which gives a first choice. That
 * model is made and evaluated, once, beside the dense one; what its loss really rose by is the multiple that gives the final
 * choice. The first choice is close to the final one, so the multiple need only hold around it.
 *
 * <p>What was found is kept in the work folder ({@code ratio.json}) and goes into the compact folder, so a job that is stopped
 * goes on from there, and parts of the first model that are made stay until it is evaluated.
 */
final class RatioSearch {
    /** Where the compact folder keeps what was found. */
    static final String FILE = "ratio.json";

    /** How much more than foreseen the loss of a text rises that was not calibrated on: about as much again. */
    private static final double USUAL_SCALE = 2;

    /** A perplexity that hardly rose, or fell, is a stroke of luck that is not to be extrapolated. */
    private static final double LEAST_SCALE = USUAL_SCALE / 4;

    /** Ratios are tried in steps of a thousandth. */
    private static final int STEPS = 1000;

    private static final int LARGEST = 850;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JobSession session;
    private final Checkpoint model;
    private final Recipe recipe;
    private final JobPlaces places;
    private final WorkFolder work;
    private final EventJournal journal;
    private final Fingerprint fingerprint;
    private final Stages stages;

    RatioSearch(
            JobSession session,
            Checkpoint model,
            Recipe recipe,
            JobPlaces places,
            WorkFolder work,
            EventJournal journal,
            Fingerprint fingerprint,
            Stages stages) {
        this.session = session;
        this.model = model;
        this.recipe = recipe;
        this.places = places;
        this.work = work;
        this.journal = journal;
        this.fingerprint = fingerprint;
        this.stages = stages;
    }

    /** Announces the work that lies in {@link #find}, besides that of the curves. */
    static void announce(JobSession session, Checkpoint model, Recipe recipe, HeldOutText text, WorkFolder work) {
        if (!Files.exists(work.folder().resolve(FILE))) {
            session.meter().expect(WorkMeter.Kind.EVALUATE, 2 * flops(model, text));
            session.meter().expect(WorkMeter.Kind.FACTORIZE, guess(model, recipe));
            session.meter().expect(WorkMeter.Kind.WRITE, CompactSizes.baseFileBytes(model));
        }
    }

    /** Operations of the first model's factorisation, before its ratio is known. */
    private static double guess(Checkpoint model, Recipe recipe) {
        return Plan.flops(recipe, Targets.uniform(recipe, Targets.of(recipe, model.config())));
    }

    private static double flops(Checkpoint model, HeldOutText text) {
        return FlopCounts.evaluation(
                model.config(), text.windows().tokens(), text.windows().length());
    }

    /**
     * Finds the ratio, or reads what an earlier run found.
     *
     * @throws CospadiException if no ratio keeps within the limit
     */
    double find(GramStore grams, HeldOutText text) {
        Path file = work.folder().resolve(FILE);
        if (Files.exists(file)) {
            return read(file);
        }
        Map<List<Projection>, LossCurve> curves = session.phase("budget", WorkMeter.Kind.BUDGET, () -> curves(grams));
        double percent = recipe.maxPerplexityIncrease().orElseThrow();
        double limit = Math.log1p(percent / 100);
        double first = largest(curves, limit, USUAL_SCALE);
        double foreseen = foreseen(curves, first);
        session.note(String.format(
                Locale.ROOT,
                "perplexity may rise by %s %%: making and evaluating a first model at ratio %s",
                percent,
                first));
        Backend backend = session.environment().backend();
        double dense = session.phase(
                "evaluation",
                WorkMeter.Kind.EVALUATE,
                () -> text.perplexity(
                        // closing it would close the job's checkpoint
                        new DenseWeights(model),
                        backend,
                        work.folder(),
                        session.progress("evaluating the dense model", 0, flops(model, text))));
        double measured = evaluateAt(first, curves, grams, text);
        double scale = Math.max(LEAST_SCALE, Math.log(measured / dense) / foreseen);
        double ratio = largest(curves, limit, scale);
        ObjectNode found = JsonNodeFactory.instance.objectNode();
        found.put("max_perplexity_increase", percent);
        found.put("text", text.file()).put("text_sha256", text.windows().sha256());
        found.put("windows", text.windows().found())
                .put("window", text.windows().length());
        found.put("dense_perplexity", dense);
        found.putObject("first")
                .put("ratio", first)
                .put("predicted_loss", foreseen)
                .put("perplexity", measured);
        found.put("scale", scale).put("ratio", ratio);
        found.put("predicted_perplexity", dense * Math.exp(scale * foreseen(curves, ratio)));
        AtomicFile.write(file, (found.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
        removeFirstModel(first);
        session.note(String.format(
                Locale.ROOT, "its perplexity is %.3f, dense %.3f: the ratio is %s", measured, dense, ratio));
        return ratio;
    }

    private Map<List<Projection>, LossCurve> curves(GramStore grams) {
        Weighed weighed = new Weighed(work);
        List<List<Projection>> groups = Weighing.groups(recipe, Targets.of(recipe, model.config()));
        stages.weigh(weighed, groups, grams);
        return LossCurves.of(weighed, groups);
    }

    private static double read(Path file) {
        try {
            JsonNode ratio = JSON.readTree(Files.readAllBytes(file)).path("ratio");
            if (ratio.isNumber()) {
                return ratio.doubleValue();
            }
            throw new CospadiException(file + " holds no ratio; remove it and run the same command again");
        } catch (IOException e) {
            throw new CospadiException(
                    file + " can't be read (" + e.getMessage() + "); remove it and run the same command again", e);
        }
    }

    /** The largest ratio at which {@code scale} times the loss foreseen keeps within the limit. */
    private double largest(Map<List<Projection>, LossCurve> curves, double limit, double scale) {
        int low = 0;
        int high = LARGEST;
        while (low < high) {
            int middle = (low + high + 1) / 2;
            if (scale * foreseen(curves, middle / (double) STEPS) <= limit) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        if (low == 0) {
            throw new CospadiException(String.format(
                    Locale.ROOT,
                    "no ratio keeps the rise of perplexity within %s %%: even at 0.001 it is predicted to be %.3g %%; allow more",
                    recipe.maxPerplexityIncrease().orElseThrow(),
                    100 * Math.expm1(scale * foreseen(curves, 1.0 / STEPS))));
        }
        return low / (double) STEPS;
    }

    /** Infinite where the ratio can't be met at all. */
    private double foreseen(Map<List<Projection>, LossCurve> curves, double ratio) {
        try {
            OptionalDouble loss = Budget.predictedLoss(sizes(curves, ratio));
            return loss.orElse(0);
        } catch (IllegalArgumentException tooMuch) {
            return Double.POSITIVE_INFINITY;
        }
    }

    private List<Allocation> sizes(Map<List<Projection>, LossCurve> curves, double ratio) {
        return Budget.leastLoss(curves, ratio, recipe.storage(), Budget.Limits.of(ratio));
    }

    /** Perplexity of the model at a ratio, which is made for that and thrown away. */
    private double evaluateAt(
            double ratio, Map<List<Projection>, LossCurve> curves, GramStore grams, HeldOutText text) {
        Recipe own = recipe.withRatio(ratio);
        List<Allocation> sizes = Targets.inOrder(sizes(curves, ratio), Targets.of(recipe, model.config()));
        session.meter().expect(WorkMeter.Kind.FACTORIZE, -guess(model, recipe));
        Factorizing factorizing = new Factorizing(session, own, work, journal, identity(ratio), sizes);
        session.phase("factorisation", WorkMeter.Kind.FACTORIZE, () -> {
            stages.factorize(factorizing, grams);
            return null;
        });
        Assembly assembly = new Assembly(own, places, session, journal, List.of());
        session.phase(
                "writing", WorkMeter.Kind.WRITE, () -> assembly.write(model, fingerprint, work, factorizing.parts()));
        try (ModelWeights weights = ModelFolder.open(work.output())) {
            return session.phase(
                    "evaluation",
                    WorkMeter.Kind.EVALUATE,
                    () -> text.perplexity(
                            weights,
                            session.environment().backend(),
                            work.folder(),
                            session.progress("evaluating the first model", flops(model, text), flops(model, text))));
        }
    }

    /** Room for the final parts. */
    private void removeFirstModel(double ratio) {
        try {
            WorkFolder.deleteTree(work.output());
            for (Projection projection : Targets.of(recipe, model.config())) {
                Files.deleteIfExists(work.part(projection, identity(ratio)));
            }
        } catch (IOException e) {
            throw new CospadiException(work.folder() + " can't be cleared: " + e.getMessage(), e);
        }
    }

    /** Of the first model's parts, which are not the job's. */
    private String identity(double ratio) {
        return Sha256.of((fingerprint.identity() + " at " + ratio).getBytes(StandardCharsets.UTF_8));
    }
}
