package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.evaluation.ProjectionErrors;
import io.cospadi.evaluation.ProjectionErrors.Entry;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ErrorsViewTest {
    /** Layer l's q loses (l + 1) scale, its up ten times that. */
    private static ProjectionErrors errors(String stats, int layers, double scale) {
        return new ProjectionErrors(
                stats,
                1024,
                IntStream.range(0, layers)
                        .boxed()
                        .flatMap(l -> List.of(
                                new Entry("model.layers." + l + ".self_attn.q_proj", scale * (l + 1)),
                                new Entry("model.layers." + l + ".mlp.up_proj", 10 * scale * (l + 1)))
                                .stream())
                        .toList());
    }

    @Test
    void fewProjectionsAreShownOneByOne() {
        String text = ErrorsView.text(List.of(errors("a/seen", 2, 0.01), errors("b/unseen", 2, 0.02)));
        assertTrue(text.contains("│ 1.mlp.up_proj      │           1 │  0.200 │  0.400 │"), text);
        assertTrue(text.contains("│   seen │ unseen │"), text);
    }

    @Test
    void manyProjectionsAreShownByTheMeanOfTheirType() {
        String text = ErrorsView.text(List.of(errors("a/seen", 9, 0.001)));
        assertEquals(2 + 4, text.lines().count(), text);
        assertTrue(text.contains("│ mean of q_proj  │           9 │ 0.00500 │"), text);
        assertTrue(text.contains("│ mean of up_proj │           9 │  0.0500 │"), text);
    }

    @Test
    void storesOfOneNameAreToldApartByTheirPaths() {
        String text = ErrorsView.text(List.of(errors("a/stats", 1, 0.1), errors("b/stats", 1, 0.1)));
        assertTrue(text.contains("a/stats") && text.contains("b/stats"), text);
    }

    @Test
    void aModelThatKeepsAllWeightsIsSaidToLoseNothing() {
        assertTrue(ErrorsView.text(List.of(errors("stats", 0, 1))).startsWith("no projection differs"));
    }
}
