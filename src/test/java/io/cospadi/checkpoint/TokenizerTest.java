package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerTest {
    @TempDir
    Path temporary;

    private static int[] ids(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToInt(JsonNode::asInt)
                .toArray();
    }

    /** The fixture's tokenizer.json asks for truncation to 8 tokens and padding to 16; the reference has neither. */
    @Test
    void encodesAndDecodesLikeTheReferenceWithoutTruncationOrPadding() {
        JsonNode expected = Fixtures.section("tokenizer");
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.folder())) {
            assertEquals(expected.get("vocab_size").asInt(), tokenizer.vocabSize());
            for (JsonNode text : expected.get("texts")) {
                String raw = text.get("text").asText();
                assertArrayEquals(ids(text.get("ids")), tokenizer.encode(raw), raw);
                assertArrayEquals(ids(text.get("without_special")), tokenizer.encodeWithoutSpecial(raw), raw);
                assertEquals(text.get("decoded").asText(), tokenizer.decode(tokenizer.encode(raw)));
            }
        }
    }

    @Test
    void megabytesAreOneText() {
        JsonNode expected = Fixtures.section("tokenizer").get("long");
        String text =
                expected.get("repeat").asText().repeat(expected.get("times").asInt());
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.folder())) {
            assertTrue(text.length() > 1_000_000);
            assertEquals(expected.get("tokens").asInt(), tokenizer.encode(text).length);
        }
    }

    @Test
    void closingTwiceIsHarmlessAndUseAfterwardsIsABug() {
        Tokenizer tokenizer = Tokenizer.open(Fixtures.folder());
        tokenizer.close();
        tokenizer.close();
        assertThrows(IllegalStateException.class, () -> tokenizer.encode("a"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"model\": {\"type\": \"BPE\", \"vocab\": | not valid JSON",
                "[1] | expected a JSON object",
                "{\"model\": {\"type\": \"BPE\"}} | found no vocabulary",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": \"b\"}, \"merges\": []}} | token a has id b, expected a whole number",
                "{\"model\": {\"type\": \"XYZ\", \"vocab\": {\"a\": 0}, \"merges\": []}} | not a tokenizer that can be read",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}} | not a tokenizer that can be read",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -7}, \"merges\": []}} | token a has id -7",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999999}, \"merges\": []}} | token a has id 99999999999",
            })
    void damagedTokenizersAreNamed(String json, String expected) throws IOException {
        Files.writeString(temporary.resolve("tokenizer.json"), json);
        String message = assertThrows(CospadiException.class, () -> Tokenizer.open(temporary))
                .getMessage();
        assertTrue(message.contains("tokenizer.json") && message.contains(expected), message);
    }

    @Test
    void missingTokenizerIsNamed() {
        String message = assertThrows(CospadiException.class, () -> Tokenizer.open(temporary))
                .getMessage();
        assertTrue(message.contains("tokenizer.json: no such file"), message);
    }
}
