package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

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

    @Test
    void equalSeedsGenerateEqualTokens() {
        Generator generator = new Generator(model, new int[0]);
        Sampling sampling = new Sampling(1.5, 0.95, 11);
        int[] first = generator.generate(prompt, 15, sampling, token -> {}).tokens();
        assertArrayEquals(
                first, generator.generate(prompt, 15, sampling, token -> {}).tokens());
        int[] other = generator
                .generate(prompt, 15, new Sampling(1.5, 0.95, 12), token -> {})
                .tokens();
        assertFalse(Arrays.equals(first, other), "another seed draws other tokens");
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
