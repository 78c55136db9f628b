package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShareTest {
    @TempDir
    Path folder;

    private Recipe recipe;
    private List<Allocation> allocations;

    @BeforeEach
    void plan() {
        recipe = TinyJob.recipe("budget: uniform\noverrides: [{pattern: 'layers.1.mlp.up_proj', dense: true}]\n");
        try (Checkpoint model = Checkpoint.open(TinyJob.in(folder).model())) {
            allocations = Plan.of(model, recipe, false, 1, 0).allocations();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 14, 40})
    void everyProjectionIsInExactlyOneShareInTheModelsOrder(int count) {
        List<Allocation> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<Allocation> share = new Share(i, count).of(allocations, recipe);
            assertEquals(allocations.stream().filter(share::contains).toList(), share);
            all.addAll(share);
        }
        assertEquals(allocations.size(), all.size());
        assertTrue(all.containsAll(allocations));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 14, 40})
    void noShareExceedsTheMeanByAWholeProjection(int count) {
        double total = 0;
        double largest = 0;
        for (Allocation allocation : allocations) {
            total += Plan.flops(recipe, allocation);
            largest = Math.max(largest, Plan.flops(recipe, allocation));
        }
        for (int i = 0; i < count; i++) {
            double load = new Share(i, count)
                    .of(allocations, recipe).stream()
                            .mapToDouble(a -> Plan.flops(recipe, a))
                            .sum();
            assertTrue(load < total / count + largest, i + "/" + count + ": " + load + " of " + total);
        }
    }

    @Test
    void textThatIsNoShareIsRefused() {
        assertEquals(new Share(6, 7), Share.parse("6/7"));
        assertEquals("6/7", new Share(6, 7).toString());
        for (String wrong : List.of("7/7", "1", "-1/2", "0/0", "1/2/3", "a/b", "1/99999999", "")) {
            String message = assertThrows(RecipeException.class, () -> Share.parse(wrong))
                    .getMessage();
            assertTrue(message.contains("found '" + wrong + "'"), message);
        }
        assertThrows(IllegalArgumentException.class, () -> new Share(2, 2));
    }
}
