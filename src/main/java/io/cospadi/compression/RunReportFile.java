package io.cospadi.compression;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** A {@link RunReport} as JSON on disk. Keys that this version doesn't know are passed over, so newer files can be read. */
public final class RunReportFile {
    /** Where a compact folder keeps it. */
    public static final String PLACE = "cospadi/report.json";

    private static final ObjectMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private RunReportFile() {}

    /** The bytes of the file, UTF-8. */
    public static byte[] bytes(RunReport report) {
        try {
            return JSON.writeValueAsBytes(report);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a report that is no JSON", e);
        }
    }

    /** Writes {@code file} whole: a sibling first, which then takes its place. */
    public static void write(Path file, RunReport report) throws IOException {
        Path absolute = file.toAbsolutePath();
        Path fresh = Files.createTempFile(
                absolute.getParent(), absolute.getFileName().toString(), ".part");
        try {
            Files.write(fresh, bytes(report));
            Files.move(fresh, absolute, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    /**
     * Reads the report of a compact folder.
     *
     * @throws CospadiException if there is none, or it is not one of this version
     */
    public static RunReport ofFolder(Path folder) {
        return read(folder.resolve(PLACE));
    }

    /** The same for the file itself. */
    public static RunReport read(Path file) {
        try {
            JsonNode tree = JSON.readTree(Files.readAllBytes(file));
            int version = tree == null ? 0 : tree.path("format_version").asInt();
            if (version != RunReport.FORMAT_VERSION) {
                throw new CospadiException(file + " is no run report of this version: format_version is "
                        + (version == 0 ? "missing" : version) + ", expected " + RunReport.FORMAT_VERSION
                        + "; name a folder that compress wrote");
            }
            RunReport report = JSON.treeToValue(tree, RunReport.class);
            if (report.run() == null || report.ratio() == null || report.host() == null) {
                throw new CospadiException(file
                        + " is an incomplete run report: run, ratio or host is missing; compress writes all three");
            }
            return report;
        } catch (NoSuchFileException e) {
            throw new CospadiException(file + " does not exist; name a folder that compress wrote", e);
        } catch (JsonProcessingException e) {
            throw new CospadiException(
                    file + " is no run report: "
                            + StrictJson.reason(e).lines().findFirst().orElse("malformed JSON"),
                    e);
        } catch (IOException e) {
            throw new CospadiException(file + " can't be read: " + FileFailure.reason(e), e);
        }
    }
}
