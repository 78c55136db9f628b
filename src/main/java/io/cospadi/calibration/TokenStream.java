package io.cospadi.calibration;

import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.tensor.CospadiException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/** The tokens of calibration files, joined in order: read once, whatever windows are cut from them. */
public final class TokenStream {
    private static final int IDS_A_LINE = 1024;

    private final List<Path> files;
    private final int[] tokens;

    private TokenStream(List<Path> files, int[] tokens) {
        this.files = files;
        this.tokens = tokens;
    }

    /**
     * Reads files in order, as far as they are needed ({@code .jsonl} with {@code text}; {@code .ids} and {@code .json} of
     * token ids; anything else raw text).
     *
     * @param encoder   text to ids, with the tokenizer's own special tokens; used only where a file holds text
     * @param vocabSize ids must be below it
     * @param wanted    what will be cut
     * @throws CospadiException naming file and line of what can't be read
     */
    public static TokenStream read(
            List<Path> files, Function<String, int[]> encoder, int vocabSize, List<WindowSettings> wanted) {
        long enough = wanted.stream()
                .mapToLong(
                        settings -> settings.random() ? Long.MAX_VALUE : (long) settings.windows() * settings.length())
                .max()
                .orElse(0);
        TokenFiles reader = new TokenFiles(encoder, vocabSize, enough);
        files.forEach(reader::read);
        return new TokenStream(files, reader.tokens());
    }

    /**
     * Cuts windows; what is left at the end is dropped.
     *
     * @return at most the windows asked for; {@link TokenWindows#found} says how many
     * @throws CospadiException if there is not one whole window
     */
    public TokenWindows windows(WindowSettings settings) {
        if (tokens.length < settings.length()) {
            throw new CospadiException("calibration data " + files + " holds " + tokens.length
                    + " tokens, expected at least one window of " + settings.length()
                    + "; give more text or a shorter window");
        }
        return TokenWindows.cut(tokens, settings);
    }

    /** Writes the tokens as a file of ids, from which the same windows are cut. */
    public void write(Path ids) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < tokens.length; i++) {
            text.append(tokens[i]).append(i % IDS_A_LINE == IDS_A_LINE - 1 ? '\n' : ' ');
        }
        AtomicFile.write(ids, text.toString().getBytes(StandardCharsets.US_ASCII));
    }
}
