package io.cospadi.calibration;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;

/** Calibration data: disjoint windows of equal length, cut from the concatenated tokens of some files. */
public final class TokenWindows {
    private final List<int[]> windows;
    private final int length;
    private final int askedFor;
    private final String sha256;

    private TokenWindows(List<int[]> windows, int length, int askedFor) {
        this.windows = List.copyOf(windows);
        this.length = length;
        this.askedFor = askedFor;
        this.sha256 = digest(windows);
    }

    /**
     * Windows of some files, see {@link TokenStream}.
     *
     * @param encoder   text to ids, with the tokenizer's own special tokens; used only where a file holds text
     * @param vocabSize ids must be below it
     * @return at most the windows asked for; {@link #found} says how many
     * @throws io.cospadi.tensor.CospadiException naming file and line of what can't be read, or if there is not one whole window
     */
    public static TokenWindows read(
            List<Path> files, Function<String, int[]> encoder, int vocabSize, WindowSettings settings) {
        return TokenStream.read(files, encoder, vocabSize, List.of(settings)).windows(settings);
    }

    /** Windows of a token stream that is at hand; at least one window long. */
    public static TokenWindows cut(int[] tokens, WindowSettings settings) {
        int available = tokens.length / settings.length();
        if (available == 0) {
            throw new IllegalArgumentException(
                    tokens.length + " tokens are less than a window of " + settings.length());
        }
        int[] starts = settings.random() ? drawn(available, settings) : consecutive(available, settings);
        List<int[]> windows = Arrays.stream(starts)
                .mapToObj(i -> Arrays.copyOfRange(tokens, i * settings.length(), (i + 1) * settings.length()))
                .toList();
        return new TokenWindows(windows, settings.length(), settings.windows());
    }

    private static int[] consecutive(int available, WindowSettings settings) {
        int[] starts = new int[Math.min(available, settings.windows())];
        Arrays.setAll(starts, i -> i);
        return starts;
    }

    /** The first ones of a seeded shuffle, back in the order of the data. */
    private static int[] drawn(int available, WindowSettings settings) {
        int[] all = new int[available];
        Arrays.setAll(all, i -> i);
        SplittableRandom random = new SplittableRandom(settings.seed());
        int wanted = Math.min(available, settings.windows());
        for (int i = 0; i < wanted; i++) {
            int j = i + random.nextInt(available - i);
            int swapped = all[i];
            all[i] = all[j];
            all[j] = swapped;
        }
        int[] starts = Arrays.copyOf(all, wanted);
        Arrays.sort(starts);
        return starts;
    }

    private static String digest(List<int[]> windows) {
        MessageDigest digest = Sha256.digest();
        for (int[] window : windows) {
            ByteBuffer bytes = ByteBuffer.allocate(4 * window.length).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asIntBuffer().put(window);
            digest.update(bytes);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** The windows, in order; shared, not copied. */
    public List<int[]> windows() {
        return windows;
    }

    /** Tokens of each window. */
    public int length() {
        return length;
    }

    /** How many windows were asked for. */
    public int askedFor() {
        return askedFor;
    }

    /** How many windows there are: fewer than asked for if the data is short. */
    public int found() {
        return windows.size();
    }

    /** Tokens in all windows. */
    public long tokens() {
        return (long) length * windows.size();
    }

    /** SHA-256 of the windows' ids in order, each as four little-endian bytes. */
    public String sha256() {
        return sha256;
    }
}
