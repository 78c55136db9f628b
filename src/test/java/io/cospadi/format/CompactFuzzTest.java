package io.cospadi.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.HostileJson;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompactFuzzTest {
    private static final int TRIES = 3000;

    @TempDir
    Path temporary;

    @Test
    void noBlockBringsTheReaderDown() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        TinyCompact.write(dense, out);
        Path file = out.resolve("config.json");
        ModelConfig config = ModelConfig.parse(file);
        ObjectNode sound = (ObjectNode) StrictJson.readObject(file).get(CompactFormat.BLOCK);
        for (int seed = 0; seed < TRIES; seed++) {
            ObjectNode hostile = HostileJson.of(sound, new Random(seed));
            try {
                CompactBlock block = new CompactBlockReader(file, hostile, config).read();
                block.modules().forEach((name, module) -> module.tensors(name, block.precision())
                        .forEach(spec -> spec.bytes()));
            } catch (CospadiException e) {
                assertFalse(e.getMessage().contains("\n"), e.getMessage());
            }
        }
    }

    /** A part is either refused, or gives exactly what was written. */
    @Test
    void aDamagedPartNeverPassesForAnother() throws IOException {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        Path part = TinyCompact.parts(dense, temporary.resolve("parts"), false, Precision.DEFAULT, 1)
                .get(3);
        byte[] sound = Files.readAllBytes(part);
        double[] errors;
        try (PartFile file = PartFile.open(part)) {
            errors = file.diagnostics().errorByRound();
        }
        for (int at = 0; at < sound.length; at += 3) {
            byte[] damaged = sound.clone();
            damaged[at] ^= (byte) (1 << (at % 8));
            Files.write(part, damaged);
            try (PartFile file = PartFile.open(part)) {
                assertArrayEquals(errors, file.diagnostics().errorByRound());
                file.factors();
            } catch (CospadiException e) {
                assertFalse(e.getMessage().contains("\n"), e.getMessage());
            }
        }
    }
}
