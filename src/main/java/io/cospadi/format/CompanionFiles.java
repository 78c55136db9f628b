package io.cospadi.format;

import io.cospadi.checkpoint.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The files of a model folder that go with its weights wherever they go: tokenizer, generation defaults, licence. */
public final class CompanionFiles {
    private static final Set<String> NAMES = Set.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "tokenizer.model",
            "vocab.json",
            "merges.txt",
            "chat_template.jinja",
            "chat_template.json",
            "generation_config.json");

    private CompanionFiles() {}

    static boolean isCompanion(String name) {
        return NAMES.contains(name)
                || name.startsWith("LICENSE")
                || name.startsWith("NOTICE")
                || name.startsWith("USE_POLICY");
    }

    /** Those in {@code folder}, sorted. */
    public static List<String> in(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(Files::isRegularFile)
                    .map(path -> path.getFileName().toString())
                    .filter(CompanionFiles::isCompanion)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw StrictJson.unreadable(folder, e);
        }
    }
}
