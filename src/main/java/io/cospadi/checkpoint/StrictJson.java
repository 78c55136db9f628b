package io.cospadi.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * JSON of unknown origin: UTF-8 only, one object and nothing behind it, no key twice. Jackson's own limits bound nesting
 * and the length of names and numbers.
 */
public final class StrictJson {
    /** Twice the index of the largest models; as a tree it takes some 30 times as much memory. */
    private static final long MAX_TREE_BYTES = 16L << 20;

    /** Room for any tokenizer, which is read as a stream. */
    private static final long MAX_BYTES = 256L << 20;

    /**
     * Detects duplicate keys; without it the last one would win silently. Interning and canonicalising keys pays for a few
     * that recur, but takes half a minute over a header of a million.
     */
    static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();

    private static final ObjectReader READER = JsonMapper.builder(FACTORY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build()
            .reader();

    /** A place as Jackson writes it inside a message. */
    private static final Pattern PLACE = Pattern.compile("\\[Source: [^\\]]*?; line: (\\d+), column: (\\d+)\\]");

    private StrictJson() {}

    /**
     * The object that {@code file} holds.
     *
     * @throws CospadiException if the file is missing, unreadable, too large, not UTF-8 or not one JSON object
     */
    public static ObjectNode readObject(Path file) {
        return parseObject(file, readBytes(file, MAX_TREE_BYTES));
    }

    /** A whole file that is not read as a tree. */
    static byte[] readBytes(Path file) {
        return readBytes(file, MAX_BYTES);
    }

    private static byte[] readBytes(Path file, long maxBytes) {
        try {
            if (!Files.isRegularFile(file)) {
                throw new CospadiException(file + ": no such file; expected a Hugging Face model folder with it");
            }
            long size = Files.size(file);
            if (size > maxBytes) {
                throw new CospadiException(
                        file + ": " + size + " bytes, expected at most " + maxBytes + "; is it the right file?");
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    static ObjectNode parseObject(Path file, byte[] bytes) {
        return parseObject(file.toString(), bytes);
    }

    /**
     * The object in {@code bytes}; {@code where} names it in messages.
     *
     * @throws CospadiException if they are not UTF-8 or not one JSON object
     */
    public static ObjectNode parseObject(String where, byte[] bytes) {
        requireUtf8(where, bytes);
        try {
            JsonNode node = READER.readTree(bytes);
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw new CospadiException(where + ": found "
                    + (node == null || node.isMissingNode() ? "nothing" : "a JSON " + kind(node))
                    + ", expected a JSON object; download or write the file again");
        } catch (JsonProcessingException e) {
            throw invalid(where, e);
        } catch (IOException e) {
            throw new IllegalStateException("bytes in memory can't fail to be read", e);
        }
    }

    /** Rejects what a JSON parser would guess at: other encodings, overlong forms, lone surrogates. */
    static void requireUtf8(String where, byte[] bytes) {
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer scratch = CharBuffer.allocate(8192);
        CoderResult result;
        do {
            scratch.clear();
            result = decoder.decode(in, scratch, true);
        } while (result.isOverflow());
        if (result.isError()) {
            throw new CospadiException(where + ": byte " + in.position()
                    + " is not valid UTF-8, expected JSON text; the file is damaged or not JSON: download it again");
        }
        for (int i = 0; i < Math.min(4, bytes.length); i++) {
            if (bytes[i] == 0) { // Jackson would take it for UTF-16 or UTF-32
                throw new CospadiException(
                        where + ": byte " + i + " is 0, expected UTF-8 JSON text; download the file again");
            }
        }
    }

    static CospadiException invalid(String where, JsonProcessingException e) {
        JsonLocation at = e.getLocation();
        String position = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
        return new CospadiException(
                where + ": not valid JSON" + position + ": " + oneLine(reason(e))
                        + "; the file is damaged or incomplete: download or write it again",
                e);
    }

    /**
     * What a parser found, without the notes about its source that Jackson adds to some places: "[Source: REDACTED (..); line: 1,
     * column: 2]" is no more than line and column.
     */
    public static String reason(JsonProcessingException e) {
        String message = String.valueOf(e.getOriginalMessage());
        return PLACE.matcher(message).replaceAll("line $1, column $2");
    }

    /** A failed read of a file, for the user. */
    public static CospadiException unreadable(Path file, IOException e) {
        return new CospadiException(
                file + ": can't be read (" + FileFailure.reason(e) + "); check the path, its permissions and the disk",
                e);
    }

    /** What a node is, in words for a message. */
    static String kind(JsonNode node) {
        return switch (node.getNodeType()) {
            case ARRAY -> "list";
            case OBJECT -> "object";
            case STRING -> "string " + oneLine(node.toString());
            case NUMBER -> "number " + oneLine(node.toString());
            case BOOLEAN -> node.toString();
            case NULL -> "null";
            default -> node.getNodeType().toString();
        };
    }

    /** Text from a file, made safe for a one-line message. */
    public static String oneLine(String text) {
        if (text == null) {
            return "no details";
        }
        StringBuilder line = new StringBuilder();
        text.codePoints().limit(200).forEach(c -> {
            if (Character.isISOControl(c) || c == 0x2028 || c == 0x2029) {
                line.append(' ');
            } else {
                line.appendCodePoint(c);
            }
        });
        return text.codePointCount(0, text.length()) > 200 ? line + "…" : line.toString();
    }
}
