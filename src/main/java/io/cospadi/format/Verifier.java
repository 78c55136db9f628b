package io.cospadi.format;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.MaskGroups;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Checks whether a model folder is sound. In any folder: config.json, index and headers, every tensor's shape
 * against the architecture, finite floats. In a dense folder also: its tokenizer, which is loaded. In a compact folder also: no file
 * too many or too few, SHA256SUMS, exactly s mask bits in every row, padding zero, sound levels and scales, the mask rule, sizes and
 * ratios to the byte.
 */
public final class Verifier {
    /** Ours, but different between equal runs or for people only; neither required nor checksummed. */
    private static final Set<String> UNCHECKED =
            Set.of("README.md", "cospadi/report.json", "cospadi/report.html", "cospadi/events.jsonl");

    private static final int ROWS_PER_CHUNK = 256;

    private final Path folder;
    private final Progress progress;
    private final long total;
    private final Set<String> checkedDictionaries = new HashSet<>();
    private long done;

    private Verifier(Path folder, long total, Progress progress) {
        this.folder = folder;
        this.total = total;
        this.progress = progress;
    }

    /**
     * What a sound folder holds.
     *
     * @param compact whether it is a compact folder
     * @param files   number of files whose every byte was checked
     * @param unchecked those of a compact folder that no checksum covers
     * @param tokenizer whether there is one; token ids work without
     * @param tensors stored
     * @param groups  of projections that share a dictionary
     * @param sizes   of a compact folder, else null
     * @param extras  tensors that no part of the model reads
     */
    public record Summary(
            boolean compact,
            int files,
            List<String> unchecked,
            boolean tokenizer,
            int tensors,
            int groups,
            CompactSizes sizes,
            List<String> extras) {}

    /**
     * Checks a dense or compact folder.
     *
     * @param progress told bytes
     * @throws CospadiException naming file, tensor and row of the first defect
     */
    public static Summary verify(Path folder, Progress progress) {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            if (checkpoint.compactBlock() == null) {
                checkpoint.requireDense();
                boolean tokenizer = requireTokenizer(folder);
                checkpoint.scanFinite(progress);
                return new Summary(
                        false,
                        1 + checkpoint.files().size() + (tokenizer ? 1 : 0),
                        List.of(),
                        tokenizer,
                        checkpoint.tensors().size(),
                        0,
                        null,
                        checkpoint.extras());
            }
        }
        try (CompactModel model = CompactModel.open(folder)) {
            long weights = model.sizes().fileBytes();
            return new Verifier(folder, 2 * weights, progress).verify(model);
        }
    }

    private Summary verify(CompactModel model) {
        SortedMap<String, String> checksums = Checksums.read(folder.resolve(CompactFormat.CHECKSUMS));
        requireFiles(checksums, model.checkpoint());
        requireSizes(model, checksums.keySet());
        for (Map.Entry<String, String> entry : checksums.entrySet()) {
            String found = Sha256.of(folder.resolve(entry.getKey()), this::advance);
            if (!found.equals(entry.getValue())) {
                throw new CospadiException(folder.resolve(entry.getKey()) + ": sha256 is " + found + ", expected "
                        + entry.getValue() + " by " + CompactFormat.CHECKSUMS + "; copy or compress it again");
            }
        }
        long hashed = done;
        model.checkpoint().scanFinite((bytes, all) -> advanceTo(hashed + bytes));
        model.block().modules().forEach((name, module) -> {
            if (module instanceof CompactModule.Sparse sparse) {
                requireDictionary(model, name, sparse);
                requireCodes(model, name, sparse);
            } else if (module instanceof CompactModule.Rounded rounded) {
                StoredLevels.weight(
                                TensorSource.of(model.checkpoint()),
                                name,
                                rounded,
                                model.block().precision())
                        .check(ROWS_PER_CHUNK);
            }
        });
        progress.advance(total, total);
        return new Summary(
                true,
                checksums.size() + 1,
                UNCHECKED.stream()
                        .filter(path -> Files.exists(folder.resolve(path)))
                        .sorted()
                        .toList(),
                Tokenizer.isIn(folder),
                model.checkpoint().tensors().size(),
                model.block().groups().size(),
                model.sizes(),
                new CompactTensors(model.checkpoint(), model.block()).extras());
    }

    /** Loads the tokenizer if there is one: a dense folder has no checksum that would tell of damage. */
    private static boolean requireTokenizer(Path folder) {
        if (!Tokenizer.isIn(folder)) {
            return false;
        }
        Tokenizer.open(folder).close();
        return true;
    }

    private void advance(long bytes) {
        advanceTo(done + bytes);
    }

    private void advanceTo(long bytes) {
        done = Math.max(done, Math.min(bytes, total)); // small files are hashed, too, but not counted in the total
        progress.advance(done, total);
    }

    /** Every file is checksummed or known to be unchecked, and what must be there is. */
    private void requireFiles(SortedMap<String, String> checksums, Checkpoint checkpoint) {
        SortedSet<String> required = new TreeSet<>(Set.of("config.json", CompactFormat.MANIFEST));
        checkpoint
                .files()
                .forEach(file -> required.add(file.file().getFileName().toString()));
        for (String path : required) {
            if (!checksums.containsKey(path)) {
                throw new CospadiException(folder.resolve(CompactFormat.CHECKSUMS) + ": " + path
                        + " is missing, expected a line for it; copy or compress the folder again");
            }
        }
        try (Stream<Path> entries = Files.walk(folder)) {
            for (Path entry : (Iterable<Path>) entries::iterator) {
                requireExpected(entry, checksums.keySet());
            }
        } catch (IOException e) {
            throw StrictJson.unreadable(folder, e);
        }
        for (String path : checksums.keySet()) {
            if (!Files.isRegularFile(folder.resolve(path), LinkOption.NOFOLLOW_LINKS)) {
                throw new CospadiException(folder.resolve(path) + ": missing, expected by " + CompactFormat.CHECKSUMS
                        + "; copy or compress the folder again");
            }
        }
    }

    private void requireExpected(Path entry, Set<String> checksummed) {
        if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        String path = folder.relativize(entry).toString().replace('\\', '/');
        if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
            throw new CospadiException(
                    entry + ": not a regular file, expected no links in a compact folder; copy it with its targets");
        }
        if (!checksummed.contains(path) && !UNCHECKED.contains(path) && !path.equals(CompactFormat.CHECKSUMS)) {
            throw new CospadiException(
                    entry + ": unexpected file, expected only those in " + CompactFormat.CHECKSUMS + "; remove it");
        }
    }

    /** Ratios in config.json and sizes in the manifest, recomputed from headers and file lengths. */
    private void requireSizes(CompactModel model, Set<String> paths) {
        CompactSizes sizes = model.sizes();
        Path config = folder.resolve("config.json");
        requireEqual(config, "cr_true_projections", model.block().ratio(), sizes.ratioProjections());
        requireEqual(config, "cr_true_file", model.block().ratioFile(), sizes.ratioFile());
        long tensorBytes = new CompactTensors(model.checkpoint(), model.block()).baseTensorBytes();
        if (sizes.baseFileBytes() <= tensorBytes) {
            throw new CospadiException(
                    config + ": base_file_bytes is " + sizes.baseFileBytes() + ", expected more than " + tensorBytes
                            + ", the base's tensors at 16 bits; copy or compress the folder again");
        }
        Path file = folder.resolve(CompactFormat.MANIFEST);
        ObjectNode manifest = StrictJson.readObject(file);
        SortedMap<String, Long> fileBytes = new TreeMap<>();
        for (String path : paths) {
            if (!path.equals(CompactFormat.MANIFEST)) {
                fileBytes.put(path, size(folder.resolve(path)));
            }
        }
        ObjectNode expected = Manifest.sizes(sizes, fileBytes);
        requireEqual(file, "sizes", manifest.get("sizes"), expected);
    }

    private static void requireEqual(Path file, String key, double found, double expected) {
        if (found != expected) { // the same formula on the same whole numbers: equal to the last bit
            throw new CospadiException(file + ": " + key + " is " + found + ", expected " + expected
                    + " by the bytes stored; copy or compress the folder again");
        }
    }

    private static void requireEqual(Path file, String key, JsonNode found, JsonNode expected) {
        if (expected != null && expected.isObject() && found != null && found.isObject()) {
            SortedSet<String> keys = new TreeSet<>();
            expected.fieldNames().forEachRemaining(keys::add);
            found.fieldNames().forEachRemaining(keys::add);
            keys.forEach(k -> requireEqual(file, key + "." + k, found.get(k), expected.get(k)));
        } else if (found == null || expected == null || !found.asText().equals(expected.asText())) {
            throw new CospadiException(file + ": " + key + " is "
                    + (found == null ? "missing" : StrictJson.oneLine(found.toString())) + ", expected "
                    + (expected == null ? "no such entry" : expected) + "; copy or compress the folder again");
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
    }

    /** A bf16 dictionary has nothing to check beyond finite numbers; a shared one is checked once. */
    private void requireDictionary(CompactModel model, String name, CompactModule.Sparse module) {
        Precision precision = model.block().precision();
        if (precision.dictionaryLevels() && checkedDictionaries.add(module.dictionaryStem(name))) {
            StoredLevels.dictionary(TensorSource.of(model.checkpoint()), name, module, precision)
                    .check(ROWS_PER_CHUNK);
        }
    }

    private void requireCodes(CompactModel model, String name, CompactModule.Sparse module) {
        StoredCodes stored = new StoredCodes(
                TensorSource.of(model.checkpoint()), name, module, model.block().precision());
        MaskGroups groups = model.block().maskGroups();
        for (int row = 0; row < module.d2(); row += ROWS_PER_CHUNK) {
            int rows = Math.min(ROWS_PER_CHUNK, module.d2() - row);
            Codes codes = stored.read(row, rows);
            if (groups != MaskGroups.NONE) {
                requireGroups(stored, codes, groups, row);
            }
        }
    }

    private static void requireGroups(StoredCodes stored, Codes codes, MaskGroups groups, int firstRow) {
        int perRow = (codes.k() + groups.atoms() - 1) / groups.atoms();
        for (int row = 0; row < codes.rows(); row++) {
            int[] nonzeros = new int[perRow];
            for (int p = row * codes.s(); p < (row + 1) * codes.s(); p++) {
                nonzeros[codes.atoms()[p] / groups.atoms()]++;
            }
            for (int group = 0; group < perRow; group++) {
                if (nonzeros[group] != groups.nonzeros()) {
                    throw stored.malformed(
                            firstRow + row,
                            nonzeros[group] + " nonzeros in atoms " + group * groups.atoms()
                                    + " and following, expected " + groups.nonzeros() + " by mask_groups "
                                    + groups.option());
                }
            }
        }
    }
}
