package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.LossCurve;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Problem;
import io.cospadi.factorization.TrialFit;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Each projection's predicted rise of the loss against its ratio, by a {@link TrialFit} at a few ratios. What is found is kept in
 * the work folder ({@code curves.json}) after each projection, so a job that is stopped goes on from there.
 */
final class LossCurves {
    /** Where curves are measured: below, between and above the ratios that most projections end at. */
    private static final double[] RATIOS = {0.1, 0.25, 0.45};

    private static final String FILE = "curves.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JobSession session;
    private final Checkpoint model;
    private final Recipe recipe;
    private final GramStore grams;
    private final Path file;
    private final ObjectNode found;

    LossCurves(JobSession session, Checkpoint model, Recipe recipe, GramStore grams, WorkFolder work) {
        this.session = session;
        this.model = model;
        this.recipe = recipe;
        this.grams = grams;
        file = work.folder().resolve(FILE);
        found = read(file);
    }

    private static ObjectNode read(Path file) {
        try {
            return Files.exists(file) && JSON.readTree(Files.readAllBytes(file)) instanceof ObjectNode object
                    ? object
                    : JSON.createObjectNode();
        } catch (IOException e) {
            throw new CospadiException(
                    file + " can't be read (" + e.getMessage() + "); remove it and run the same command again", e);
        }
    }

    /** Operations of the trials of one projection. */
    static double flops(Recipe recipe, Projection projection) {
        double flops = 0;
        for (double ratio : RATIOS) {
            Allocation size =
                    Budget.uniform(List.of(projection), ratio, recipe.method()).get(0);
            flops += Plan.flops(recipe.withRounds(TrialFit.ROUNDS), size);
        }
        return flops;
    }

    /** The curves of all targeted projections, in their order. */
    Map<Projection, LossCurve> of(List<Projection> targeted) {
        Map<Projection, LossCurve> curves = new LinkedHashMap<>();
        double before = 0;
        for (Projection projection : targeted) {
            session.reached("weighing " + projection.name(), before);
            JsonNode known = found.path(projection.name());
            if (known.isMissingNode()) {
                measure(projection);
                known = found.path(projection.name());
                AtomicFile.write(file, (found.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
            }
            curves.put(projection, curve(known));
            before += flops(recipe, projection);
        }
        session.reached("sharing out the budget", before);
        return curves;
    }

    private static LossCurve curve(JsonNode known) {
        double[] ratios = JSON.convertValue(known.path("ratios"), double[].class);
        double[] losses = JSON.convertValue(known.path("losses"), double[].class);
        return ratios.length < 2 ? LossCurve.never() : new LossCurve(ratios, losses);
    }

    private void measure(Projection projection) {
        Backend backend = session.environment().backend();
        List<Double> ratios = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        try (Matrix weight = model.load(projection.weightName(), backend);
                Matrix gram = grams.gram(projection.siteName(), backend)) {
            Problem problem =
                    new Problem(projection.name(), weight, gram, OutputLoss.objective(recipe, grams, projection));
            try (TrialFit trials = new TrialFit(backend, problem, recipe.solverSettings())) {
                for (double ratio : RATIOS) {
                    Allocation size = Budget.uniform(List.of(projection), ratio, recipe.method())
                            .get(0);
                    // a projection too small for this ratio, or for a step to another size
                    if (size.isDense() || ratios.contains(size.ratio())) {
                        continue;
                    }
                    ratios.add(size.ratio());
                    losses.add(OutputLoss.rise(grams, projection, trials.lostEnergies(size.k(), size.s())));
                    session.checkStop();
                }
            }
        }
        ObjectNode entry = found.putObject(projection.name());
        entry.set("ratios", JSON.valueToTree(ratios));
        entry.set("losses", JSON.valueToTree(losses));
    }
}
