package io.cospadi.format;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.factorization.FactorScales;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.Factors;
import io.cospadi.factorization.LowRankFactors;
import io.cospadi.factorization.SparseFactors;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.Precision;
import io.cospadi.quantization.RandomLevels;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.MaskGroups;
import io.cospadi.tensor.Progress;
import io.cospadi.tensor.TopBits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Compacts tiny dense folders with random factors: layer 0's q stays dense though targeted, its k is not targeted. */
final class TinyCompact {
    static final int K = 11;
    static final int S = 4;
    static final int RANK = 3;

    private TinyCompact() {}

    static boolean isTargeted(Projection p) {
        return !(p.layer() == 0 && p.type() == ProjectionType.K);
    }

    static boolean isKeptDense(Projection p) {
        return p.layer() == 0 && p.type() == ProjectionType.Q;
    }

    /** What a solver might have made of a projection; depends on its name alone. */
    static Factors factors(Projection p, boolean lowRank) {
        return factors(p, lowRank, Precision.DEFAULT);
    }

    /** The same; levels are drawn under random scales. */
    static Factors factors(Projection p, boolean lowRank, Precision precision) {
        Random random = new Random(p.name().hashCode());
        if (lowRank) {
            return new LowRankFactors(p.d1(), p.d2(), RANK, bf16(random, RANK * p.d1()), bf16(random, p.d2() * RANK));
        }
        int[] atoms = new int[p.d2() * S];
        float[] values = new float[p.d2() * S];
        for (int row = 0; row < p.d2(); row++) {
            int[] chosen = random.ints(0, K).distinct().limit(S).sorted().toArray();
            System.arraycopy(chosen, 0, atoms, row * S, S);
            for (int i = 0; i < S; i++) {
                values[row * S + i] = TopBits.round((float) random.nextGaussian(), 14);
            }
        }
        short[] dictionary = bf16(random, K * p.d1());
        short[] codeScales = new short[0];
        short[] dictionaryScales = new short[0];
        if (precision.valueLevels()) {
            Levels levels = RandomLevels.of(random, p.d2(), S, precision.valueBits(), precision.groupSize());
            codeScales = levels.scales();
            for (int i = 0; i < values.length; i++) {
                values[i] = Bfloat16.toFloat(levels.values()[i]);
            }
        }
        if (precision.dictionaryLevels()) {
            Levels levels = RandomLevels.of(random, K, p.d1(), precision.dictionaryBits(), precision.groupSize());
            dictionary = levels.values();
            dictionaryScales = levels.scales();
        }
        return new SparseFactors(
                p.d1(),
                dictionary,
                new Codes(p.d2(), K, S, atoms, values),
                new FactorScales(dictionaryScales, codeScales));
    }

    private static short[] bf16(Random random, int count) {
        short[] values = new short[count];
        for (int i = 0; i < count; i++) {
            values[i] = Bfloat16.fromFloat((float) random.nextGaussian());
        }
        return values;
    }

    static Factorization result(Factors factors, double seconds) {
        return new Factorization(
                factors,
                0.0125,
                new double[] {0.5, 0.1, 0.0125},
                2,
                8,
                1e-9,
                Map.of("codes", seconds / 2),
                123,
                seconds);
    }

    /** Writes all parts; {@code seconds} is what a clock would have said. */
    static List<Path> parts(Path dense, Path work, boolean lowRank, Precision precision, double seconds) {
        List<Path> parts = new ArrayList<>();
        try (Checkpoint base = Checkpoint.open(dense)) {
            Files.createDirectories(work);
            for (Projection p : base.config().projections()) {
                if (!isTargeted(p)) {
                    continue;
                }
                Path part = work.resolve(p.name() + ".safetensors");
                if (isKeptDense(p)) {
                    PartFile.writeKeptDense(part, p, precision, "fingerprint");
                } else {
                    PartFile.write(
                            part, p, null, result(factors(p, lowRank, precision), seconds), precision, "fingerprint");
                }
                parts.add(part);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return parts;
    }

    static CompactDescription description(String method, Precision precision, long shardBytes) {
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("cospadi/recipe.yaml", "ratio: 0.2\n".getBytes(StandardCharsets.UTF_8));
        return new CompactDescription(
                method,
                "tiny",
                null,
                precision,
                MaskGroups.NONE,
                0.2,
                shardBytes,
                JsonNodeFactory.instance.objectNode().put("tool", "test"),
                files);
    }

    /** A compact folder made of {@code dense}, in {@code out}; with a tokenizer and a licence to carry over. */
    static CompactSizes write(
            Path dense, Path out, boolean lowRank, Precision precision, long shardBytes, double seconds) {
        try {
            Files.writeString(dense.resolve("tokenizer.json"), "{}");
            Files.writeString(dense.resolve("LICENSE.txt"), "Apache-2.0\n");
            Files.writeString(dense.resolve("training_args.bin"), "not for others");
            Files.createDirectories(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<Path> parts = parts(dense, out.resolveSibling(out.getFileName() + ".parts"), lowRank, precision, seconds);
        try (Checkpoint base = Checkpoint.open(dense)) {
            return CompactWriter.write(
                    base, parts, description(lowRank ? "svd" : "cospadi", precision, shardBytes), out, Progress.NONE);
        }
    }

    static CompactSizes write(Path dense, Path out, Precision precision) {
        return write(dense, out, false, precision, ShardedWriter.SHARD_BYTES, 1.5);
    }

    static CompactSizes write(Path dense, Path out) {
        return write(dense, out, false, Precision.DEFAULT, ShardedWriter.SHARD_BYTES, 1.5);
    }
}
