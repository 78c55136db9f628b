package io.cospadi.format;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Joins a dense base model and the parts of a finished job into a compact folder, see {@link CompactFormat}. Tensors are
 * streamed, so memory holds one chunk of one tensor; equal inputs give equal bytes in every file.
 */
public final class CompactWriter {
    private static final int CHUNK_BYTES = 16 << 20;

    private final Checkpoint base;
    private final CompactDescription description;
    private final Path folder;
    private final SortedMap<String, String> checksums = new TreeMap<>();

    private CompactWriter(Checkpoint base, CompactDescription description, Path folder) {
        this.base = base;
        this.description = description;
        this.folder = folder;
    }

    /**
     * Writes everything, the manifest last.
     *
     * @param base     dense; the weights of projections without a part are carried over like every other tensor
     * @param parts    the {@link PartFile} of each targeted projection
     * @param folder   exists, empty; moving it into place is the caller's
     * @param progress told tensor bytes
     * @return what the folder weighs
     * @throws CospadiException if a part doesn't fit the model, or the disk fails or is full
     */
    public static CompactSizes write(
            Checkpoint base, Collection<Path> parts, CompactDescription description, Path folder, Progress progress) {
        return new CompactWriter(base, description, folder).write(parts, progress);
    }

    private CompactSizes write(Collection<Path> paths, Progress progress) {
        SortedMap<String, PartFile> parts = new TreeMap<>();
        try {
            for (Path path : paths) {
                PartFile part = PartFile.open(path);
                if (parts.putIfAbsent(part.projection(), part) != null
                        || !part.precision().equals(description.precision())) {
                    part.close();
                    throw new CospadiException(path + ": " + part.projection() + " with " + part.precision()
                            + ", expected each projection once and " + description.precision()
                            + "; delete the part and run the job again");
                }
            }
            requireOneDictionary(parts.values());
            CompactLayout layout = layout(parts);
            writeTensors(layout, parts, progress);
            writeConfig(parts, layout.sizes());
            copyCompanions();
            description.files().forEach(this::write);
            writeManifest(parts, layout.sizes());
            return layout.sizes();
        } finally {
            parts.values().forEach(PartFile::close);
        }
    }

    /** Every member's part holds its group's dictionary; they must be one and the same. */
    private static void requireOneDictionary(Collection<PartFile> parts) {
        Map<String, PartFile> firstOfGroup = new HashMap<>();
        for (PartFile part : parts) {
            String group = part.module().map(CompactModule::group).orElse(null);
            PartFile first = group == null ? null : firstOfGroup.putIfAbsent(group, part);
            if (first != null && !part.sharesDictionary(first)) {
                throw new CospadiException("the parts of " + first.projection() + " and " + part.projection()
                        + " hold different dictionaries, though both are of group " + group
                        + "; delete them and run the job again");
            }
        }
    }

    private CompactLayout layout(SortedMap<String, PartFile> parts) {
        SortedMap<String, Optional<CompactModule>> modules = new TreeMap<>();
        parts.forEach((name, part) -> modules.put(name, part.module()));
        return CompactLayout.of(base, modules, description.precision(), description.shardBytes());
    }

    private void writeTensors(CompactLayout layout, Map<String, PartFile> parts, Progress progress) {
        Map<String, PartFile> partOfTensor = new HashMap<>();
        parts.values()
                .forEach(part -> part.module().ifPresent(module -> module.tensors(part.projection(), part.precision())
                        .forEach(spec -> partOfTensor.put(spec.name(), part))));
        long total = layout.tensors().stream().mapToLong(TensorSpec::bytes).sum();
        long done = 0;
        try (ShardedWriter writer =
                ShardedWriter.create(folder, layout.tensors(), CompactLayout.METADATA, description.shardBytes())) {
            for (TensorSpec spec : writer.order()) {
                PartFile part = partOfTensor.get(spec.name());
                StoredTensor stored = part == null ? base.tensor(spec.name()) : part.tensor(spec.name());
                for (long offset = 0; offset < stored.bytes(); offset += CHUNK_BYTES) {
                    int bytes = (int) Math.min(CHUNK_BYTES, stored.bytes() - offset);
                    writer.append(
                            part == null ? base.mapBytes(stored, offset, bytes) : part.mapBytes(stored, offset, bytes));
                    done += bytes;
                    progress.advance(done, total);
                }
            }
            writer.finish();
            checksums.putAll(writer.sha256());
        }
    }

    private void writeConfig(SortedMap<String, PartFile> parts, CompactSizes sizes) {
        SortedMap<String, CompactModule> modules = new TreeMap<>();
        TreeSet<String> keptDense = new TreeSet<>();
        parts.forEach((name, part) ->
                part.module().ifPresentOrElse(module -> modules.put(name, module), () -> keptDense.add(name)));
        ObjectNode config = base.rawConfig();
        List<String> classes = new ArrayList<>();
        config.path("architectures").forEach(name -> classes.add(name.asText()));
        if (classes.isEmpty()) {
            classes.add(base.config().architecture().family() + "ForCausalLM");
        }
        ArrayNode architectures = config.putArray("architectures");
        classes.forEach(name -> architectures.add(CompactFormat.ARCHITECTURE_PREFIX + name));
        config.remove("auto_map"); // names Python files that don't travel along
        CompactBlock block = new CompactBlock(
                description.method(),
                description.baseModel(),
                description.baseCommit(),
                description.precision(),
                description.maskGroups(),
                description.ratioTarget(),
                sizes.ratioProjections(),
                sizes.ratioFile(),
                sizes.baseFileBytes(),
                keptDense,
                modules);
        config.set(CompactFormat.BLOCK, block.toJson());
        write("config.json", PrettyJson.bytes(config));
    }

    /** Byte copies of what a folder needs beside weights to be used, where the base has it. */
    private void copyCompanions() {
        for (String name : CompanionFiles.in(base.folder())) {
            Path source = base.folder().resolve(name);
            try (AtomicFile copy = AtomicFile.create(folder.resolve(name))) {
                copy.append(ByteBuffer.wrap(Files.readAllBytes(source)));
                copy.commit();
                checksums.put(name, copy.sha256());
            } catch (IOException e) {
                throw StrictJson.unreadable(source, e);
            }
        }
    }

    private void write(String path, byte[] content) {
        try {
            Files.createDirectories(folder.resolve(path).getParent());
        } catch (IOException e) {
            throw new CospadiException(
                    folder.resolve(path) + ": can't be written (" + e.getMessage()
                            + "); check free space and permissions of its folder, then run the same command again",
                    e);
        }
        AtomicFile.write(folder.resolve(path), content);
        checksums.put(path, Sha256.of(content));
    }

    /** The manifest's presence says that all the rest is there, so it comes last; its checksum is known before. */
    private void writeManifest(SortedMap<String, PartFile> parts, CompactSizes sizes) {
        ObjectNode manifest = Manifest.of(description, parts.values(), sizes, fileBytes());
        byte[] bytes = PrettyJson.bytes(manifest);
        checksums.put(CompactFormat.MANIFEST, Sha256.of(bytes));
        write(CompactFormat.CHECKSUMS, Checksums.format(checksums));
        write(CompactFormat.MANIFEST, bytes);
    }

    private SortedMap<String, Long> fileBytes() {
        SortedMap<String, Long> bytes = new TreeMap<>();
        for (String path : checksums.keySet()) {
            try {
                bytes.put(path, Files.size(folder.resolve(path)));
            } catch (IOException e) {
                throw StrictJson.unreadable(folder.resolve(path), e);
            }
        }
        return bytes;
    }
}
