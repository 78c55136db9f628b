package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Continuing a prompt, against whole passes in f64 without a cache. */
abstract class AbstractGeneratorTest {
    private static final int CAPACITY = 24;

    private final DecoderFixture fixture = DecoderFixture.named("qwen2-sliding");
    private final int[] prompt = Arrays.copyOf(fixture.ids()[0], 5);
    private Backend backend;
    private ModelWeights weights;
    private ResidentModel model;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
        weights = fixture.open();
        model = new ResidentModel(weights, backend, CAPACITY);
    }

    @AfterEach
    void close() {
        if (backend == null) {
            return; // create() skipped the test
        }
        model.close();
        weights.close();
        assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        backend.close();
    }

    /** Greedy tokens by running the whole sequence again for every token, in f64 and without a cache. */
    private int[] plainGreedy(int count) {
        PlainDecoder plain = new PlainDecoder(fixture.folder());
        int[] sequence = prompt;
        for (int i = 0; i < count; i++) {
            double[] last = plain.logits(sequence, (site, x) -> {})[sequence.length - 1];
            int best = 0;
            for (int j = 1; j < last.length; j++) {
                best = last[j] > last[best] ? j : best;
            }
            sequence = Arrays.copyOf(sequence, sequence.length + 1);
            sequence[sequence.length - 1] = best;
        }
        return Arrays.copyOfRange(sequence, prompt.length, sequence.length);
    }

    @Test
    void greedyTokensEqualThoseOfAWholePassPerToken() {
        List<Integer> heard = new ArrayList<>();
        Generator.Result result = new Generator(model, new int[0]).generate(prompt, 15, Sampling.GREEDY, heard::add);
        assertArrayEquals(plainGreedy(15), result.tokens());
        assertArrayEquals(result.tokens(), heard.stream().mapToInt(i -> i).toArray());
        assertFalse(result.ended());
        assertEquals(14, result.steps(), "the last token needs no further step");
    }

    @Test
    void anEndTokenStopsAndIsNotPartOfTheResult() {
        int[] all = plainGreedy(15);
        int end = all[6];
        int first = 0;
        while (all[first] != end) {
            first++;
        }
        Generator.Result result =
                new Generator(model, new int[] {-1, end}).generate(prompt, 15, Sampling.GREEDY, token -> {});
        assertTrue(result.ended());
        assertArrayEquals(Arrays.copyOf(all, first), result.tokens());
    }

    /** With a nucleus and without. */
    @ParameterizedTest
    @ValueSource(doubles = {0.95, 1})
    void equalSeedsGenerateEqualTokens(double topP) {
        Generator generator = new Generator(model, new int[0]);
        Sampling sampling = new Sampling(1.5, topP, 11);
        int[] first = generator.generate(prompt, 15, sampling, token -> {}).tokens();
        assertArrayEquals(
                first, generator.generate(prompt, 15, sampling, token -> {}).tokens());
        int[] other = generator
                .generate(prompt, 15, new Sampling(1.5, topP, 12), token -> {})
                .tokens();
        assertFalse(Arrays.equals(first, other), "another seed draws other tokens");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.95, 1})
    void withoutTemperatureLeftTheMostLikelyIsDrawn(double topP) {
        int[] tokens = new Generator(model, new int[0])
                .generate(prompt, 15, new Sampling(1e-4, topP, 3), token -> {})
                .tokens();
        assertArrayEquals(plainGreedy(15), tokens);
    }

    /** Whatever is tied: the most likely of a whole pass's logits. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3", "mistral"})
    void firstTokensAreTheMostLikely(String name) {
        DecoderFixture other = DecoderFixture.named(name);
        int[] ids = Arrays.copyOf(other.ids()[0], 6);
        float[] logits = other.logits()[0][5];
        int best = 0;
        for (int j = 1; j < logits.length; j++) {
            best = logits[j] > logits[best] ? j : best;
        }
        try (ModelWeights its = other.open();
                ResidentModel resident = new ResidentModel(its, backend, 8)) {
            int[] two = new Generator(resident, new int[0])
                    .generate(ids, 2, Sampling.GREEDY, token -> {})
                    .tokens();
            assertEquals(best, two[0]);
            resident.rewind(0);
            resident.advance(Arrays.copyOf(ids, 6));
            float[] after = resident.readLogits(resident.next(best));
            int second = 0;
            for (int j = 1; j < after.length; j++) {
                second = after[j] > after[second] ? j : second;
            }
            assertEquals(two[1], second);
        }
    }

    @Test
    void aTemperatureThatLogitsWouldOverflowByIsNone() {
        int[] tokens = new Generator(model, new int[0])
                .generate(prompt, 5, new Sampling(1e-37, 1, 3), token -> {})
                .tokens();
        assertArrayEquals(plainGreedy(5), tokens);
    }

    @Test
    void noTokensTakeNoTime() {
        Generator.Result nothing = new Generator(model, new int[0]).generate(prompt, 0, Sampling.GREEDY, token -> {});
        assertEquals(0, nothing.tokens().length + nothing.steps());
        assertTrue(nothing.promptSeconds() >= 0 && nothing.seconds() >= 0, nothing.toString());
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Sampling(-0.1, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Sampling(Double.NaN, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Sampling(1, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> new Sampling(1, 1.01, 0));
    }

    @Test
    void logitsThatAreNotFiniteAreNoChoice() {
        ModelWeights overflowing = new DelegatingWeights(weights) {
            @Override
            public Matrix tensor(String tensor, Backend on) {
                Matrix norm = super.tensor(tensor, on);
                if (tensor.equals(ModelConfig.FINAL_NORM)) {
                    on.fill(norm, Double.NaN);
                }
                return norm;
            }
        };
        try (ResidentModel resident = new ResidentModel(overflowing, backend, CAPACITY)) {
            Generator generator = new Generator(resident, new int[0]);
            for (Sampling sampling : List.of(Sampling.GREEDY, new Sampling(1, 1, 42))) {
                String message = assertThrows(
                                CospadiException.class, () -> generator.generate(prompt, 3, sampling, token -> {}))
                        .getMessage();
                assertTrue(message.contains("not finite"), message);
            }
        }
    }

    @Test
    void moreThanTheCacheHoldsIsRefusedBeforeAnyWork() {
        CospadiException refused = assertThrows(CospadiException.class, () -> new Generator(model, new int[0])
                .generate(prompt, 20, Sampling.GREEDY, token -> {}));
        assertTrue(refused.getMessage().contains("5 tokens and 20 new ones need 25"), refused.getMessage());
        assertThrows(CospadiException.class, () -> new Generator(model, new int[0])
                .generate(new int[0], 1, Sampling.GREEDY, token -> {}));
    }
}
