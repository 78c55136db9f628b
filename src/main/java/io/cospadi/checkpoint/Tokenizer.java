package io.cospadi.checkpoint;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A model's {@code tokenizer.json} through the Hugging Face tokenizers library, whole texts at once, never truncated or
 * padded whatever the file asks for. Nothing touches the network: the library is called below DJL's own tokenizer class,
 * which would look models up on the hub and report its use, and which builds strings and spans for every token where
 * only ids are wanted. Not thread-safe.
 */
public final class Tokenizer implements AutoCloseable {
    private static final String FILE_NAME = "tokenizer.json";

    private final Path file;
    private final int vocabSize;
    private long handle;

    private Tokenizer(Path file, int vocabSize, long handle) {
        this.file = file;
        this.vocabSize = vocabSize;
        this.handle = handle;
    }

    /**
     * Opens the tokenizer of a model folder.
     *
     * @throws CospadiException if tokenizer.json is missing, or not one that the library can read
     */
    public static Tokenizer open(Path folder) {
        Path file = folder.resolve(FILE_NAME);
        byte[] bytes = StrictJson.readBytes(file);
        StrictJson.requireUtf8(file.toString(), bytes);
        int vocabSize = highestId(file, bytes) + 1;
        long handle;
        try {
            handle = NativeTokenizers.library().createTokenizerFromString(new String(bytes, StandardCharsets.UTF_8));
            NativeTokenizers.library().disableTruncation(handle);
            NativeTokenizers.library().disablePadding(handle);
        } catch (RuntimeException e) {
            throw new CospadiException(
                    file + ": not a tokenizer that can be read (" + StrictJson.oneLine(e.getMessage())
                            + "); download it again, or convert it with transformers' save_pretrained",
                    e);
        }
        return new Tokenizer(file, vocabSize, handle);
    }

    /** Token ids of a text of any length, with the special tokens that the tokenizer adds itself. */
    public int[] encode(String text) {
        return encode(text, true);
    }

    /** Token ids of a text of any length, without special tokens of the tokenizer's own. */
    public int[] encodeWithoutSpecial(String text) {
        return encode(text, false);
    }

    private int[] encode(String text, boolean special) {
        TokenizersLibrary library = NativeTokenizers.library();
        long encoding;
        try {
            encoding = library.encode(open(), text, special);
        } catch (RuntimeException e) {
            throw new CospadiException(
                    file + ": can't encode a text of " + text.length() + " characters ("
                            + StrictJson.oneLine(e.getMessage()) + "); check the text's encoding",
                    e);
        }
        try {
            long[] ids = library.getTokenIds(encoding);
            int[] narrow = new int[ids.length];
            for (int i = 0; i < ids.length; i++) {
                narrow[i] = Math.toIntExact(ids[i]);
            }
            return narrow;
        } finally {
            library.deleteEncoding(encoding);
        }
    }

    /** The text of token ids, special tokens left out. */
    public String decode(int[] ids) {
        long[] wide = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            wide[i] = ids[i];
        }
        try {
            return NativeTokenizers.library().decode(open(), wide, true);
        } catch (RuntimeException e) {
            throw new CospadiException(
                    file + ": can't decode " + ids.length + " token ids (" + StrictJson.oneLine(e.getMessage())
                            + "); are they this tokenizer's?",
                    e);
        }
    }

    /** One more than the highest id in the vocabulary, added tokens included. */
    public int vocabSize() {
        return vocabSize;
    }

    private long open() {
        if (handle == 0) {
            throw new IllegalStateException(file + ": the tokenizer is closed");
        }
        return handle;
    }

    @Override
    public void close() {
        if (handle != 0) {
            NativeTokenizers.library().deleteTokenizer(handle);
            handle = 0;
        }
    }

    /**
     * Streams through the file: ids are {@code model.vocab}'s numbers (or positions, in a Unigram model's list) and the
     * {@code id} of each entry of {@code added_tokens}.
     */
    private static int highestId(Path file, byte[] bytes) {
        int highest = -1;
        try (JsonParser parser = StrictJson.FACTORY.createParser(bytes)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new CospadiException(file + ": found " + parser.currentToken()
                        + ", expected a JSON object; download the file again");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                parser.nextToken();
                if (key.equals("added_tokens")) {
                    highest = Math.max(highest, highestAdded(parser));
                } else if (key.equals("model") && parser.currentToken() == JsonToken.START_OBJECT) {
                    highest = Math.max(highest, highestInModel(parser));
                } else {
                    parser.skipChildren();
                }
            }
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw StrictJson.invalid(file.toString(), e);
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
        if (highest < 0) {
            throw new CospadiException(file + ": found no vocabulary, expected model.vocab; download the file again");
        }
        return highest;
    }

    private static int highestAdded(JsonParser parser) throws IOException {
        int highest = -1;
        int depth = 0;
        for (JsonToken token = parser.currentToken(); token != null; token = parser.nextToken()) {
            depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
            if (token == JsonToken.VALUE_NUMBER_INT && "id".equals(parser.currentName())) {
                highest = Math.max(highest, parser.getIntValue());
            }
            if (depth == 0) {
                break;
            }
        }
        return highest;
    }

    private static int highestInModel(JsonParser parser) throws IOException {
        int highest = -1;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean vocabulary = parser.currentName().equals("vocab");
            JsonToken value = parser.nextToken();
            if (vocabulary && value == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    parser.nextToken();
                    highest = Math.max(highest, parser.getIntValue());
                }
            } else if (vocabulary && value == JsonToken.START_ARRAY) {
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    parser.skipChildren();
                    highest++;
                }
            } else {
                parser.skipChildren();
            }
        }
        return highest;
    }
}
