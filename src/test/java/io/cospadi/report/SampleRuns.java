package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.ByteShare;
import io.cospadi.compression.RunReport.ProjectionResult;
import io.cospadi.compression.RunReport.Sample;
import io.cospadi.compression.RunReport.Score;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Made-up runs of the shape of SmolLM2-135M, to look at the page with. None of these numbers was measured. */
final class SampleRuns {
    private static final int[][] SHAPES = {
        {576, 576}, {576, 192}, {576, 192}, {576, 576}, {576, 1536}, {576, 1536}, {1536, 576}
    };
    private static final double[] ERRORS = {.0023, .0026, .03, .0131, .012, .0057, .02};

    private SampleRuns() {}

    static RunReport cospadi() {
        return run("cospadi", "block", 40, 0.2, 30, 1, 22.26, 34.61);
    }

    static RunReport svdLlm() {
        return run("svd-llm", null, 0, 0.2, 30, 2.4, 22.26, 60.32);
    }

    static RunReport run(
            String method,
            String solver,
            int rounds,
            double ratio,
            int layers,
            double worse,
            double dense,
            double token) {
        Random random = new Random(42);
        List<ProjectionResult> projections = new ArrayList<>();
        long bytes = 0;
        long denseBytes = 0;
        for (int layer = 0; layer < layers; layer++) {
            for (ProjectionType type : ProjectionType.values()) {
                int[] shape = SHAPES[type.ordinal()];
                double depth = 0.5 + layer / (double) layers;
                double error = worse * ERRORS[type.ordinal()] * depth * Math.exp(0.2 * random.nextGaussian());
                List<Double> byRound = new ArrayList<>();
                for (int round = 0; round < rounds; round++) {
                    byRound.add(error * (1 + 1.5 * Math.exp(-round / 6.0)));
                }
                long before = 2L * shape[0] * shape[1];
                long after = Math.round(before * (1 - ratio - 0.0005));
                int k = Math.min(shape[0], shape[1]) * 7 / 10;
                Map<String, Double> phases = new LinkedHashMap<>();
                phases.put("whitening", 0.08);
                phases.put("rounds", rounds * 0.05);
                phases.put("final fit", 0.11);
                projections.add(new ProjectionResult(
                        "model.layers." + layer + "." + type.hfName(),
                        shape[0],
                        shape[1],
                        k,
                        rounds == 0 ? 0 : k / 2,
                        null,
                        after,
                        before,
                        error,
                        ratio * error,
                        0.2 + 0.05 * rounds,
                        rounds * 4_000_000_000L,
                        layer % 7,
                        0,
                        byRound,
                        phases));
                bytes += after;
                denseBytes += before;
            }
        }
        long embeddings = 2L * 49152 * 576;
        List<ByteShare> shares = new ArrayList<>();
        if (rounds > 0) {
            shares.add(new ByteShare(ByteShare.DICTIONARIES, bytes * 45 / 100, 0));
            shares.add(new ByteShare(ByteShare.VALUES, bytes * 48 / 100, 0));
            shares.add(new ByteShare(ByteShare.MASKS, bytes - bytes * 45 / 100 - bytes * 48 / 100, 0));
        } else {
            shares.add(new ByteShare(ByteShare.LOW_RANK, bytes, 0));
        }
        shares.add(new ByteShare(ByteShare.EMBEDDINGS, embeddings, embeddings));
        shares.add(new ByteShare(ByteShare.UNTOUCHED, 70_272, 70_272));
        shares.add(new ByteShare(ByteShare.HEADERS, 61_000, 30_000));
        Map<String, Double> phases = new LinkedHashMap<>();
        phases.put("calibrate", 48.0);
        phases.put("factorise", 3 + rounds * 14.0);
        phases.put("write", 2.1);
        phases.put("verify", 1.4);
        double seconds = 60 + rounds * 14.0;
        return new RunReport(
                RunReport.FORMAT_VERSION,
                new RunReport.Run(
                        "0.1.0 (commit 0000000)",
                        "2026-01-01T12:00:00Z",
                        "models/SmolLM2-135M",
                        "out/smollm2-" + method,
                        method,
                        solver,
                        "uniform",
                        "output",
                        null,
                        rounds,
                        42,
                        14,
                        null,
                        null,
                        null,
                        "cpu",
                        "cpu OpenBLAS 0.3.31 Haswell, 2 threads",
                        2),
                new RunReport.Calibration(List.of("wikitext-2/valid.txt"), 256, 24, 1024, 24_576, "0123abcd"),
                new RunReport.Ratio(
                        ratio,
                        1 - (double) bytes / denseBytes,
                        1 - (bytes + embeddings + 131_272.0) / (denseBytes + embeddings + 100_272.0)),
                shares,
                seconds,
                phases,
                projections,
                List.of(
                        new Score(Score.DENSE, "token", "wikitext-2/test.txt", 1024, 12_276, dense),
                        new Score(Score.COMPRESSED, "token", "wikitext-2/test.txt", 1024, 12_276, token),
                        new Score(Score.DENSE, "word", "wikitext-2/test.txt", 1024, 12_276, dense * 1.9),
                        new Score(Score.COMPRESSED, "word", "wikitext-2/test.txt", 1024, 12_276, token * 2.1),
                        new Score(Score.COMPRESSED, "kl", "wikitext-2/test.txt", 1024, 12_276, Math.log(token / dense)),
                        new Score(Score.COMPRESSED, "top1_agreement", "wikitext-2/test.txt", 1024, 12_276, 0.71)),
                List.of(
                        new Sample(
                                Score.DENSE,
                                "In the beginning",
                                " of the year the river was high, and the road to the mill lay under water for a week.",
                                61.2),
                        new Sample(
                                Score.COMPRESSED,
                                "In the beginning",
                                " of the year the river was the road, and the water of the water.",
                                58.4)),
                new RunReport.Host("Linux 6.1", "17.0.10 (Debian)", "AMD EPYC 7B13", 2, 25_000_000_000L, 900_000_000L),
                List.of("24 of 256 calibration windows found; a longer text would give better Grams"));
    }
}
