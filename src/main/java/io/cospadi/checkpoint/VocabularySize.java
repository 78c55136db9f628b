package io.cospadi.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * How many ids a tokenizer.json can give, read as a stream: ids are the numbers of {@code model.vocab}, or positions where
 * that is a list (Unigram), and the {@code id} of every entry of {@code added_tokens}.
 */
final class VocabularySize {
    private final Path file;
    private final JsonParser parser;
    private int highest = -1;

    private VocabularySize(Path file, JsonParser parser) {
        this.file = file;
        this.parser = parser;
    }

    /**
     * One more than the highest id.
     *
     * @throws CospadiException if there is none, or one that is no id
     */
    static int of(Path file, byte[] json) {
        try (JsonParser parser = StrictJson.FACTORY.createParser(json)) {
            VocabularySize reader = new VocabularySize(file, parser);
            reader.read();
            if (reader.highest < 0) {
                throw new CospadiException(
                        file + ": found no vocabulary, expected model.vocab; download the file again");
            }
            return reader.highest + 1;
        } catch (JsonProcessingException e) {
            throw StrictJson.invalid(file.toString(), e);
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
    }

    private void read() throws IOException {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw new CospadiException(
                    file + ": found " + parser.currentToken() + ", expected a JSON object; download the file again");
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            JsonToken value = parser.nextToken();
            if (key.equals("added_tokens") && value == JsonToken.START_ARRAY) {
                readAdded();
            } else if (key.equals("model") && value == JsonToken.START_OBJECT) {
                readModel();
            } else {
                parser.skipChildren();
            }
        }
    }

    private void readAdded() throws IOException {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                parser.nextToken();
                if (key.equals("id")) {
                    see("an added token");
                } else {
                    parser.skipChildren();
                }
            }
        }
    }

    private void readModel() throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean vocabulary = parser.currentName().equals("vocab");
            JsonToken value = parser.nextToken();
            if (vocabulary && value == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String token = parser.currentName();
                    parser.nextToken();
                    see("token " + token);
                }
            } else if (vocabulary && value == JsonToken.START_ARRAY) {
                for (int id = 0; parser.nextToken() != JsonToken.END_ARRAY; id++) {
                    parser.skipChildren();
                    highest = Math.max(highest, id);
                }
            } else {
                parser.skipChildren();
            }
        }
    }

    private void see(String what) throws IOException {
        boolean whole = parser.currentToken() == JsonToken.VALUE_NUMBER_INT
                && parser.getNumberType() == JsonParser.NumberType.INT
                && parser.getIntValue() >= 0
                && parser.getIntValue() < Integer.MAX_VALUE;
        if (!whole) {
            throw new CospadiException(
                    file + ": " + StrictJson.oneLine(what) + " has id " + StrictJson.oneLine(parser.getText())
                            + ", expected a whole number from 0; download the file again");
        }
        highest = Math.max(highest, parser.getIntValue());
    }
}
