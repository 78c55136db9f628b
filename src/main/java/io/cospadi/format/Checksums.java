package io.cospadi.format;

import io.cospadi.checkpoint.StrictJson;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code SHA256SUMS}: one line a file, hash, two spaces, path with '/' relative to the folder; sorted by path. */
final class Checksums {
    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64})  ([^\\s/\\\\][^\\\\]*)");
    private static final long MAX_BYTES = 16 << 20;

    private Checksums() {}

    static byte[] format(SortedMap<String, String> hashByPath) {
        StringBuilder lines = new StringBuilder();
        for (Map.Entry<String, String> entry : hashByPath.entrySet()) {
            lines.append(entry.getValue()).append("  ").append(entry.getKey()).append('\n');
        }
        return lines.toString().getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Hashes by path.
     *
     * @throws CospadiException if a line is malformed, appears twice, or leaves the folder
     */
    static SortedMap<String, String> read(Path file) {
        SortedMap<String, String> hashByPath = new TreeMap<>();
        try {
            if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
                throw new CospadiException(file + ": missing or over " + MAX_BYTES
                        + " bytes, expected the checksums of a compact folder; copy it again");
            }
            int number = 0;
            for (String line : Files.readAllLines(file)) {
                number++;
                Matcher matcher = LINE.matcher(line);
                if (!matcher.matches()
                        || !Path.of(matcher.group(2)).normalize().toString().equals(matcher.group(2))
                        || matcher.group(2).startsWith("..")
                        || hashByPath.put(matcher.group(2), matcher.group(1)) != null) {
                    throw new CospadiException(file + ": line " + number + " is \"" + StrictJson.oneLine(line)
                            + "\", expected a hash, two spaces and a path inside the folder, each once;"
                            + " copy or compress it again");
                }
            }
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
        return hashByPath;
    }
}
