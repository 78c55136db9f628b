package io.cospadi.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Where the time went. */
final class TimeSection implements Section {
    private static final int COLOURS = 10;

    @Override
    public String id() {
        return "time";
    }

    @Override
    public String title() {
        return "Time";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        List<Plot> panels = new ArrayList<>();
        panels.add(plot("time-job", "The job", runs, run -> {
            Map<String, Double> phases = new LinkedHashMap<>(run.report().secondsByPhase());
            double rest = run.report().seconds()
                    - phases.values().stream().mapToDouble(Double::doubleValue).sum();
            // what is too small to be seen is no phase of its own
            if (rest > 0.005 * run.report().seconds()) {
                phases.put("other", rest);
            }
            return phases;
        }));
        if (runs.stream().anyMatch(run -> !solver(run).isEmpty())) {
            panels.add(plot("time-solver", "Within the factorisations", runs, TimeSection::solver));
        }
        new Figure(
                        "phases",
                        "Where the time went",
                        "Wall time of the job's phases, and of what the factorisations spent theirs on, added up over all"
                                + " projections.",
                        panels,
                        List.of(),
                        false)
                .write(html);
    }

    private static Map<String, Double> solver(LabelledRun run) {
        Map<String, Double> phases = new LinkedHashMap<>();
        run.report().projections().forEach(projection -> projection
                .secondsByPhase()
                .forEach((phase, seconds) -> phases.merge(phase, seconds, Double::sum)));
        return phases;
    }

    private static Plot plot(
            String id, String title, List<LabelledRun> runs, Function<LabelledRun, Map<String, Double>> phasesOf) {
        LinkedHashSet<String> phases = new LinkedHashSet<>();
        runs.forEach(run -> phases.addAll(phasesOf.apply(run).keySet()));
        List<Plot.Series> series = new ArrayList<>();
        for (String phase : phases) {
            series.add(Plot.Series.of(
                    phase,
                    "part" + Math.min(series.size(), COLOURS - 1),
                    runs.stream()
                            .map(run -> phasesOf.apply(run).getOrDefault(phase, 0.0))
                            .toList()));
        }
        return Plot.of(
                id,
                title,
                Plot.Kind.STACK,
                "run",
                "wall time",
                Unit.SECONDS,
                runs.stream().map(LabelledRun::label).toList(),
                series);
    }
}
