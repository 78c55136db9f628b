package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** How the alternation went on, round by round. */
final class ConvergenceSection implements Section {
    @Override
    public String id() {
        return "convergence";
    }

    @Override
    public String title() {
        return "Convergence";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        List<Plot> panels = runs.stream()
                .filter(run -> rounds(run) > 0)
                .map(ConvergenceSection::plot)
                .toList();
        if (panels.isEmpty()) {
            return;
        }
        String without = String.join(
                ", ",
                runs.stream()
                        .filter(run -> rounds(run) == 0)
                        .map(LabelledRun::label)
                        .toList());
        new Figure(
                        "rounds",
                        "Error by round",
                        "Mean over layers of the relative error after each round, before rounding, logarithmic; under"
                                + " the objective loss it is the error weighed by it that is kept small and shown. A solver that"
                                + " starts with more nonzeros than it may keep shows the error of the larger support until it"
                                + " has come down, so its curves can rise."
                                + (without.isEmpty() ? "" : " Not iterative, so without a curve: " + without + "."),
                        panels,
                        List.of(),
                        false)
                .write(html);
    }

    private static int rounds(LabelledRun run) {
        return run.report().projections().stream()
                .mapToInt(projection -> projection.errorByRound().size())
                .max()
                .orElse(0);
    }

    private static Plot plot(LabelledRun run) {
        LayerGrid grid = run.grid();
        int rounds = rounds(run);
        List<Plot.Series> series = new ArrayList<>();
        for (ProjectionType type : grid.types()) {
            List<Double> means = new ArrayList<>();
            for (int round = 0; round < rounds; round++) {
                means.add(mean(grid, type, round));
            }
            series.add(Plot.Series.of(LabelledRun.typeName(type), "type" + type.ordinal(), means));
        }
        return Plot.of(
                        "rounds-" + run.index(),
                        run.label(),
                        Plot.Kind.LINES,
                        "round",
                        "relative error",
                        Unit.ERROR,
                        IntStream.rangeClosed(1, rounds)
                                .mapToObj(String::valueOf)
                                .toList(),
                        series)
                .logarithmic(null, null);
    }

    /** Over the layers that got that far; one that stopped earlier keeps its last error. Null where there is none. */
    private static Double mean(LayerGrid grid, ProjectionType type, int round) {
        double sum = 0;
        int count = 0;
        for (int layer : grid.layers()) {
            ProjectionResult projection = grid.at(layer, type);
            if (projection != null && !projection.errorByRound().isEmpty()) {
                List<Double> errors = projection.errorByRound();
                sum += errors.get(Math.min(round, errors.size() - 1));
                count++;
            }
        }
        return count == 0 ? null : (Double) (sum / count);
    }
}
