package io.cospadi.calibration;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.Progress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** Which model it is: everything that its forward pass depends on, independent of folder, file names and sharding. */
public final class ModelFingerprint {
    private static final int CHUNK_BYTES = 16 << 20;

    private ModelFingerprint() {}

    /**
     * SHA-256, in hex, of the settings of the forward pass and of name, type, shape and bytes of every tensor it reads, in the
     * order of their names. Reads all weights once.
     *
     * @param progress told bytes
     */
    public static String of(Checkpoint checkpoint, Progress progress) {
        MessageDigest digest = Sha256.digest();
        update(digest, settings(checkpoint.config()));
        List<StoredTensor> tensors = checkpoint.config().denseTensors().keySet().stream()
                .sorted()
                .map(checkpoint::tensor)
                .toList();
        long total = tensors.stream().mapToLong(StoredTensor::bytes).sum();
        long done = 0;
        for (StoredTensor tensor : tensors) {
            update(digest, tensor.name() + " " + tensor.describe() + "\n");
            long rowBytes = Math.max(1, (long) tensor.cols() * tensor.dtype().bytes());
            int step = (int) Math.max(1, CHUNK_BYTES / rowBytes);
            for (int row = 0; row < tensor.rows(); row += step) {
                ByteBuffer bytes = checkpoint.map(tensor, row, Math.min(step, tensor.rows() - row));
                done += bytes.remaining();
                digest.update(bytes);
                progress.advance(done, total);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static String settings(ModelConfig config) {
        return config.architecture().modelType() + " heads " + config.heads() + "/" + config.kvHeads() + " x "
                + config.headDim() + " eps " + config.rmsEps() + " " + config.rope() + " windows "
                + Arrays.toString(config.slidingWindow()) + "\n";
    }

    private static void update(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
    }
}
