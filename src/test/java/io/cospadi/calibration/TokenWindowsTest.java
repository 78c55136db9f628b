package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenWindowsTest {
    private static final int VOCAB = 300;

    @TempDir
    Path folder;

    /** One token a character behind a start token 1, and a record of what it was asked. */
    private final List<String> encoded = new ArrayList<>();

    private int[] encode(String text) {
        encoded.add(text);
        return IntStream.concat(IntStream.of(1), text.chars()).toArray();
    }

    private Path file(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private TokenWindows read(WindowSettings settings, Path... files) {
        return TokenWindows.read(List.of(files), this::encode, VOCAB, settings);
    }

    private static WindowSettings consecutive(int windows, int length) {
        return new WindowSettings(windows, length, false, 0);
    }

    @Test
    void filesAreJoinedInOrderAndCutFromTheStart() throws IOException {
        Path text = file("a.txt", "abc\n");
        Path ids = file("b.ids", "7 8\n\n9\n");
        Path json = file("c.json", "[10, 11,\n12]");
        TokenWindows windows = read(consecutive(10, 3), text, ids, json);
        assertEquals(3, windows.found());
        assertEquals(10, windows.askedFor());
        assertEquals(9, windows.tokens());
        assertArrayEquals(new int[] {1, 'a', 'b'}, windows.windows().get(0));
        assertArrayEquals(new int[] {'c', '\n', 7}, windows.windows().get(1));
        assertArrayEquals(new int[] {8, 9, 10}, windows.windows().get(2));
    }

    @Test
    void everyJsonLineIsEncodedByItself() throws IOException {
        Path lines = file("a.jsonl", "{\"text\": \"ab\", \"url\": 3}\n\n{\"text\": \"c\\nd\"}\n");
        TokenWindows windows = read(consecutive(1, 7), lines);
        assertEquals(List.of("ab", "c\nd"), encoded);
        assertArrayEquals(
                new int[] {1, 'a', 'b', 1, 'c', '\n', 'd'}, windows.windows().get(0));
    }

    @Test
    void readingStopsWhenThereIsEnough() throws IOException {
        Path lines = file("a.jsonl", "{\"text\": \"abcd\"}\n{\"text\": \"efgh\"}\nnot json at all\n");
        TokenWindows windows = read(consecutive(2, 5), lines, folder.resolve("missing.txt"));
        assertEquals(2, windows.found());
    }

    @Test
    void windowsOfAllKindsAreCutFromOneReading() throws IOException {
        Path text = file("a.txt", "abcdefgh");
        WindowSettings drawn = new WindowSettings(2, 2, true, 3);
        TokenStream tokens = TokenStream.read(List.of(text), this::encode, VOCAB, List.of(consecutive(1, 3), drawn));
        assertEquals(
                read(consecutive(1, 3), text).sha256(),
                tokens.windows(consecutive(1, 3)).sha256());
        assertEquals(read(drawn, text).sha256(), tokens.windows(drawn).sha256());
        assertEquals(3, encoded.size());
    }

    @Test
    void aWrittenStreamIsCutIntoTheSameWindows() throws IOException {
        Path text = file("a.txt", "abc".repeat(2000));
        WindowSettings drawn = new WindowSettings(20, 7, true, 3);
        TokenStream tokens = TokenStream.read(List.of(text), this::encode, VOCAB, List.of(drawn));
        Path ids = folder.resolve("tokens.ids");
        tokens.write(ids);
        assertEquals(tokens.windows(drawn).sha256(), read(drawn, ids).sha256());
    }

    @Test
    void windowsThatExistAreUsedWhenFewerThanAskedFor() {
        TokenWindows windows = TokenWindows.cut(IntStream.range(0, 19).toArray(), consecutive(256, 5));
        assertEquals(3, windows.found());
        assertEquals(256, windows.askedFor());
    }

    @Test
    void lessThanOneWindowIsAnErrorWithBothNumbers() throws IOException {
        Path text = file("short.txt", "ab");
        CospadiException refused = assertThrows(CospadiException.class, () -> read(consecutive(4, 10), text));
        assertTrue(refused.getMessage().contains("holds 3 tokens"), refused.getMessage());
        assertTrue(refused.getMessage().contains("window of 10"), refused.getMessage());
    }

    @Test
    void randomWindowsAreDisjointSeededAndInOrder() {
        int[] tokens = IntStream.range(0, 1000).toArray();
        TokenWindows first = TokenWindows.cut(tokens, new WindowSettings(20, 10, true, 5));
        int previous = -1;
        for (int[] window : first.windows()) {
            assertEquals(0, window[0] % 10);
            assertTrue(window[0] > previous, "ascending, so no window comes twice");
            previous = window[0];
            assertEquals(window[0] + 9, window[9]);
        }
        assertEquals(20, first.found());
        assertEquals(
                first.sha256(),
                TokenWindows.cut(tokens, new WindowSettings(20, 10, true, 5)).sha256());
        assertNotEquals(
                first.sha256(),
                TokenWindows.cut(tokens, new WindowSettings(20, 10, true, 6)).sha256());
        assertEquals(
                100,
                TokenWindows.cut(tokens, new WindowSettings(500, 10, true, 5)).found());
    }

    @Test
    void theHashIsOfLittleEndianIds() {
        // printf '\x01\x00\x00\x00\x00\x01\x00\x00' | sha256sum
        TokenWindows windows = TokenWindows.cut(new int[] {1, 256}, consecutive(1, 2));
        assertEquals("242045e2f1bb37769b514f182fd91b3d215324cb57f187cced1e9c62921dbac3", windows.sha256());
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "a.jsonl | {\"text\": \"ok\"}@{\"text\": | a.jsonl:2: not a JSON object",
                "a.jsonl | {\"text\": \"ok\"}@@{\"txt\": \"x\"} | a.jsonl:3: expected an object with a string \"text\"",
                "a.jsonl | {\"text\": 3} | a.jsonl:1: expected an object with a string \"text\"",
                "a.jsonl | [1] | a.jsonl:1: expected an object with a string \"text\"",
                "a.ids | 1 2@3 x | a.ids:2: expected a token id, found \"x\"",
                "a.ids | 1@300 | a.ids:2: token id 300, expected 0 to 299",
                "a.ids | 99999999999999999999 | a.ids:1: expected a token id",
                "a.json | [1,@-1] | a.json:2: token id -1",
                "a.json | {\"ids\": [1]} | a.json: expected one JSON array of token ids",
                "a.json | [1, \"2\"] | a.json:1: expected a token id, found 2",
                "a.json | [1, 2 | a.json: not a JSON array of token ids",
            })
    void brokenDataIsNamedWithItsLine(String name, String content, String message) throws IOException {
        Path file = file(name, content.replace('@', '\n'));
        CospadiException refused = assertThrows(CospadiException.class, () -> read(consecutive(4, 2), file));
        assertTrue(refused.getMessage().contains(message), refused.getMessage());
        assertTrue(refused.getMessage().indexOf('\n') < 0, "one line: " + refused.getMessage());
    }

    @Test
    void aFolderIsRefusedAsData() {
        CospadiException refused = assertThrows(CospadiException.class, () -> read(consecutive(1, 2), folder));
        assertEquals(folder + ": a folder, expected text or token ids; name the files in it", refused.getMessage());
    }

    @Test
    void textThatIsNotUtf8IsRefused() throws IOException {
        for (String name : List.of("a.txt", "a.jsonl", "a.ids")) {
            Path file = Files.write(folder.resolve(name), "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
            CospadiException refused = assertThrows(CospadiException.class, () -> read(consecutive(1, 2), file));
            assertTrue(refused.getMessage().contains(name + ": not valid UTF-8"), refused.getMessage());
        }
    }

    @Test
    void missingFilesAreNamed() {
        for (String name : List.of("a.txt", "a.jsonl", "a.ids", "a.json")) {
            CospadiException refused =
                    assertThrows(CospadiException.class, () -> read(consecutive(1, 2), folder.resolve(name)));
            assertTrue(refused.getMessage().contains(name), refused.getMessage());
        }
    }
}
