package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScoredWindowTest {
    private static int[] range(int from, int to) {
        return IntStream.range(from, to).toArray();
    }

    @ParameterizedTest
    @CsvSource({"10, 4, 0, 2, 6", "12, 4, 0, 3, 9", "12, 4, 2, 2, 6", "3, 4, 0, 1, 2", "2, 2, 0, 1, 1", "5, 4, 9, 1, 3"
    })
    void disjointWindowsScoreAllButTheirFirstToken(int tokens, int window, int max, int windows, int scored) {
        List<ScoredWindow> found = ScoredWindow.disjoint(range(0, tokens), window, max);
        assertEquals(windows, found.size());
        assertEquals(scored, ScoredWindow.scored(found));
        int length = Math.min(window, tokens);
        for (int i = 0; i < windows; i++) {
            assertArrayEquals(
                    range(i * length, i * length + length - 1), found.get(i).input());
            assertArrayEquals(
                    range(i * length + 1, i * length + length), found.get(i).targets());
            assertEquals(0, found.get(i).firstPosition());
        }
    }

    /** The list that get_rolling_token_windows and make_disjoint_window of lm-evaluation-harness give for these numbers. */
    @Test
    void rollingWindowsAreTheHarness() {
        List<ScoredWindow> found = ScoredWindow.rolling(range(0, 10), 99, 4);
        assertEquals(3, found.size());
        assertArrayEquals(new int[] {99, 0, 1, 2}, found.get(0).input());
        assertArrayEquals(new int[] {0, 1, 2, 3}, found.get(0).targets());
        assertArrayEquals(new int[] {3, 4, 5, 6}, found.get(1).input());
        assertArrayEquals(new int[] {4, 5, 6, 7}, found.get(1).targets());
        assertArrayEquals(new int[] {5, 6, 7, 8}, found.get(2).input());
        assertArrayEquals(new int[] {8, 9}, found.get(2).targets());
        assertEquals(2, found.get(2).firstPosition());
    }

    @ParameterizedTest
    @CsvSource({"1, 4", "4, 4", "5, 4", "8, 4", "9, 1", "23, 7"})
    void rollingWindowsPredictEveryTokenOnceFromTheOneBefore(int tokens, int maxLength) {
        int next = 0;
        for (ScoredWindow window : ScoredWindow.rolling(range(0, tokens), 99, maxLength)) {
            for (int i = 0; i < window.targets().length; i++) {
                assertEquals(next, window.targets()[i]);
                assertEquals(next == 0 ? 99 : next - 1, window.input()[window.firstPosition() + i]);
                next++;
            }
        }
        assertEquals(tokens, next);
    }
}
