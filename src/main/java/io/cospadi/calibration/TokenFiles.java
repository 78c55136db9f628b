package io.cospadi.calibration;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.tensor.CospadiException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;

/**
 * Reads files into one stream of token ids, by their names' endings: {@code .jsonl} holds one JSON object a line with a string
 * {@code text}, each encoded by itself; {@code .ids} holds decimal token ids between white space, {@code .json} one array of
 * them; anything else is raw text, encoded at once.
 */
final class TokenFiles {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Function<String, int[]> encoder;
    private final int vocabSize;
    private final long enough;
    private int[] ids = new int[1 << 12];
    private int size;

    /**
     * @param encoder text to ids, with the tokenizer's own special tokens
     * @param enough  reading stops when this many tokens are there
     */
    TokenFiles(Function<String, int[]> encoder, int vocabSize, long enough) {
        this.encoder = encoder;
        this.vocabSize = vocabSize;
        this.enough = enough;
    }

    /** Appends the file's tokens, as many as are still wanted at least. */
    void read(Path file) {
        if (size >= enough) {
            return;
        }
        if (Files.isDirectory(file)) {
            throw new CospadiException(file + ": a folder, expected text or token ids; name the files in it");
        }
        String name = file.getFileName().toString();
        try {
            if (name.endsWith(".jsonl")) {
                readLines(file);
            } else if (name.endsWith(".ids")) {
                readIds(file);
            } else if (name.endsWith(".json")) {
                readArray(file);
            } else {
                append(encoder.apply(RawText.read(file)), file);
            }
        } catch (NoSuchFileException e) {
            throw new CospadiException(file + ": no such file, expected text or token ids", e);
        } catch (CharacterCodingException e) {
            throw new CospadiException(file + ": not valid UTF-8; convert it to UTF-8", e);
        } catch (IOException e) {
            throw new CospadiException(
                    file + ": can't be read: " + FileFailure.reason(e) + "; change its rights or name another file", e);
        }
    }

    /** What was read so far. */
    int[] tokens() {
        return Arrays.copyOf(ids, size);
    }

    private void readLines(Path file) throws IOException {
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            long number = 0;
            String line;
            while (size < enough && (line = reader.readLine()) != null) {
                number++;
                if (!line.isBlank()) {
                    append(encoder.apply(text(file, number, line)), file);
                }
            }
        }
    }

    private static String text(Path file, long number, String line) {
        try {
            JsonNode node = JSON.readTree(line);
            JsonNode text = node.get("text");
            if (text == null || !text.isTextual()) {
                throw new CospadiException(file + ":" + number + ": expected an object with a string \"text\", found "
                        + (node.isObject()
                                ? (text == null ? "no \"text\"" : "\"text\" of type " + text.getNodeType())
                                : node.getNodeType().toString())
                        + "; write one document a line");
            }
            return text.textValue();
        } catch (JsonProcessingException e) {
            throw new CospadiException(
                    file + ":" + number + ": not a JSON object: " + StrictJson.reason(e)
                            + "; write one document a line",
                    e);
        }
    }

    private void readIds(Path file) throws IOException {
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            long number = 0;
            String line;
            while (size < enough && (line = reader.readLine()) != null) {
                number++;
                for (String piece : line.strip().split("\\s+")) {
                    if (!piece.isEmpty()) {
                        add(parse(file + ":" + number, piece), file + ":" + number);
                    }
                }
            }
        }
    }

    private void readArray(Path file) throws IOException {
        try (JsonParser parser = JSON.createParser(file.toFile())) {
            JsonToken token = parser.nextToken();
            if (token != JsonToken.START_ARRAY) {
                throw new CospadiException(file + ": expected one JSON array of token ids, found " + token);
            }
            while ((token = parser.nextToken()) != JsonToken.END_ARRAY) {
                String where = file + ":" + parser.currentLocation().getLineNr();
                if (token != JsonToken.VALUE_NUMBER_INT) {
                    throw new CospadiException(where + ": expected a token id, found "
                            + (token == null ? "the end of the file" : parser.getText()));
                }
                add(parse(where, parser.getText()), where);
            }
        } catch (JsonProcessingException e) {
            throw new CospadiException(file + ": not a JSON array of token ids: " + StrictJson.reason(e), e);
        }
    }

    private static long parse(String where, String piece) {
        try {
            return Long.parseLong(piece);
        } catch (NumberFormatException e) {
            throw new CospadiException(where + ": expected a token id, found \"" + piece + "\"", e);
        }
    }

    private void append(int[] tokens, Path file) {
        for (int token : tokens) {
            add(token, file.toString());
        }
    }

    private void add(long id, String where) {
        if (id < 0 || id >= vocabSize) {
            throw new CospadiException(where + ": token id " + id + ", expected 0 to " + (vocabSize - 1)
                    + "; the data or the tokenizer belong to another model");
        }
        if (size == ids.length) {
            ids = Arrays.copyOf(ids, Math.addExact(size, size));
        }
        ids[size++] = (int) id;
    }
}
