package io.cospadi.decoder;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StoredTensor;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A tiny random model and the logits that PyTorch transformers computes for it in f32, see fixtures/decoder/README.md.
 *
 * @param ids    one row of token ids a sequence
 * @param logits [sequence][position][token]
 */
public record DecoderFixture(Path folder, int[][] ids, float[][][] logits) {
    /** Every fixture there is. */
    public static List<DecoderFixture> all() {
        Path root;
        try {
            root = Path.of(DecoderFixture.class.getResource("/fixtures/decoder").toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
        try (Stream<Path> folders = Files.list(root)) {
            return folders.filter(folder -> Files.exists(folder.resolve("reference.safetensors")))
                    .sorted()
                    .map(DecoderFixture::read)
                    .toList();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The fixture of one folder. */
    public static DecoderFixture named(String name) {
        return all().stream()
                .filter(fixture -> fixture.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static DecoderFixture read(Path folder) {
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("reference.safetensors"))) {
            StoredTensor ids = file.tensor("input_ids");
            StoredTensor logits = file.tensor("logits");
            int sequences = (int) ids.shape()[0];
            int length = (int) ids.shape()[1];
            int vocab = (int) logits.shape()[2];
            var idBuffer = file.map(ids).asLongBuffer();
            var logitBuffer = file.map(logits).asFloatBuffer();
            int[][] idRows = new int[sequences][length];
            float[][][] logitRows = new float[sequences][length][vocab];
            for (int s = 0; s < sequences; s++) {
                for (int i = 0; i < length; i++) {
                    idRows[s][i] = Math.toIntExact(idBuffer.get());
                    logitBuffer.get(logitRows[s][i]);
                }
            }
            return new DecoderFixture(folder, idRows, logitRows);
        }
    }

    public String name() {
        return folder.getFileName().toString();
    }

    public ModelWeights open() {
        return new DenseWeights(Checkpoint.open(folder));
    }

    public List<int[]> windows() {
        return new ArrayList<>(List.of(ids));
    }
}
