package io.cospadi.calibration;

import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which model it is: everything that its forward pass depends on, independent of folder, file names and sharding. A hash of
 * hashes, so that who reads only some tensors can tell that they are this model's.
 *
 * @param settings of the forward pass, as text
 * @param tensors  SHA-256, in hex, of name, type, shape and bytes of every tensor it reads, by name
 */
public record ModelFingerprint(String settings, SortedMap<String, String> tensors) implements Serializable {
    private static final int CHUNK_BYTES = 16 << 20;

    public ModelFingerprint {
        tensors = new TreeMap<>(tensors);
    }

    /**
     * Reads all weights once.
     *
     * @param progress told bytes
     */
    public static ModelFingerprint of(Checkpoint checkpoint, Progress progress) {
        SortedMap<String, String> hashes = new TreeMap<>();
        Collection<String> names = checkpoint.config().denseTensors().keySet();
        long total = names.stream()
                .mapToLong(name -> checkpoint.tensor(name).bytes())
                .sum();
        long[] done = {0};
        for (String name : names) {
            hashes.put(name, hash(checkpoint, name, bytes -> progress.advance(done[0] += bytes, total)));
        }
        return new ModelFingerprint(settings(checkpoint.config()), hashes);
    }

    /** SHA-256 of all of it, in hex. */
    public String sha256() {
        MessageDigest digest = Sha256.digest();
        update(digest, settings);
        tensors.forEach((name, hash) -> update(digest, name + " " + hash + "\n"));
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Makes sure that some tensors of a folder are this model's. Reads them once.
     *
     * @throws CospadiException naming the first that is not
     */
    public void requireSame(Checkpoint checkpoint, Collection<String> names) {
        if (!settings.equals(settings(checkpoint.config()))) {
            throw different(checkpoint, "config.json");
        }
        for (String name : names) {
            if (!hash(checkpoint, name, bytes -> {}).equals(tensors.get(name))) {
                throw different(checkpoint, name);
            }
        }
    }

    private static CospadiException different(Checkpoint checkpoint, String what) {
        return new CospadiException(checkpoint.folder() + " holds another " + what
                + " here than where the job was begun; all processes of a job need the same model under this name");
    }

    private interface BytesRead {
        void read(long bytes);
    }

    private static String hash(Checkpoint checkpoint, String name, BytesRead progress) {
        MessageDigest digest = Sha256.digest();
        StoredTensor tensor = checkpoint.tensor(name);
        update(digest, name + " " + tensor.describe() + "\n");
        long rowBytes = Math.max(1, (long) tensor.cols() * tensor.dtype().bytes());
        int step = (int) Math.max(1, CHUNK_BYTES / rowBytes);
        for (int row = 0; row < tensor.rows(); row += step) {
            ByteBuffer bytes = checkpoint.map(tensor, row, Math.min(step, tensor.rows() - row));
            int count = bytes.remaining();
            digest.update(bytes);
            progress.read(count);
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
