package io.cospadi.checkpoint;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.cospadi.tensor.CospadiException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
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

    /** Whether a model folder holds one, readable or not. */
    public static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(FILE_NAME), LinkOption.NOFOLLOW_LINKS);
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
        int vocabSize = VocabularySize.of(file, bytes);
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
        long tokenizer = open();
        long encoding;
        try {
            encoding = library.encode(tokenizer, text, special);
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
        long tokenizer = open();
        long[] wide = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            wide[i] = ids[i];
        }
        try {
            return NativeTokenizers.library().decode(tokenizer, wide, true);
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
}
