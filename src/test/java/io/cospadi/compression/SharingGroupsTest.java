package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.factorization.ShareObjective;
import io.cospadi.tensor.CospadiException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SharingGroupsTest {
    /** Five layers of q and up. */
    private static Map<Projection, Double> model() {
        Map<Projection, Double> ratios = new LinkedHashMap<>();
        for (int layer = 0; layer < 5; layer++) {
            ratios.put(new Projection(layer, ProjectionType.Q, 8, 8), 0.2);
            ratios.put(new Projection(layer, ProjectionType.UP, 8, 24), 0.2);
        }
        return ratios;
    }

    private static Sharing sharing(int layers, List<String> include, List<List<String>> groups) {
        return new Sharing(
                layers,
                patterns(include),
                groups.stream().map(SharingGroupsTest::patterns).toList(),
                ShareObjective.MEAN);
    }

    private static List<NamePattern> patterns(List<String> texts) {
        return texts.stream().map(NamePattern::new).toList();
    }

    /** Names of the groups of two or more, a single projection's own name. */
    private static List<String> groups(Sharing sharing, Map<Projection, Double> ratios) {
        return SharingGroups.of(sharing, ratios).stream()
                .map(group -> group.size() > 1
                        ? SharingGroups.name(group)
                        : group.get(0).name().replace("model.", ""))
                .toList();
    }

    @Test
    void adjacentLayersOfOneTypeAreGroupedFromTheFirst() {
        assertEquals(
                List.of(
                        "layers.0-1.self_attn.q_proj",
                        "layers.0-1.mlp.up_proj",
                        "layers.2-3.self_attn.q_proj",
                        "layers.2-3.mlp.up_proj",
                        "layers.4.self_attn.q_proj",
                        "layers.4.mlp.up_proj"),
                groups(sharing(2, List.of(), List.of()), model()));
    }

    @Test
    void onlyWhatIsIncludedShares() {
        List<String> found = groups(sharing(5, List.of("q_proj"), List.of()), model());
        assertEquals(6, found.size());
        assertEquals("layers.0-4.self_attn.q_proj", found.get(0));
        assertEquals(
                List.of("layers.0.mlp.up_proj"),
                found.stream().filter(name -> name.contains(".0.")).toList());
    }

    @Test
    void whatIsLeftOutLeavesItsNeighboursInTheirGroups() {
        Map<Projection, Double> ratios = model();
        ratios.keySet().removeIf(p -> p.layer() == 1 || p.layer() == 3);
        Stream<String> names = groups(sharing(3, List.of("q_proj"), List.of()), ratios).stream();
        assertEquals(
                List.of("layers.0-2.self_attn.q_proj", "layers.4.self_attn.q_proj"),
                names.filter(name -> name.contains("q_proj")).toList());
    }

    @Test
    void membersHaveOneRatio() {
        Map<Projection, Double> ratios = model();
        ratios.replaceAll((p, ratio) -> p.layer() == 1 ? 0.4 : ratio);
        Stream<String> names = groups(sharing(3, List.of("q_proj"), List.of()), ratios).stream();
        assertEquals(
                List.of("layers.0-2.self_attn.q_proj", "layers.1.self_attn.q_proj", "layers.3-4.self_attn.q_proj"),
                names.filter(name -> name.contains("q_proj")).toList());
    }

    @Test
    void listedGroupsComeFirst() {
        Stream<String> names = groups(
                sharing(2, List.of("q_proj"), List.of(List.of("layers.0.*q_proj", "layers.[34].*q_proj"))), model())
                .stream();
        assertEquals(
                List.of("layers.0-4.self_attn.q_proj", "layers.1.self_attn.q_proj", "layers.2.self_attn.q_proj"),
                names.filter(name -> name.contains("q_proj")).toList());
    }

    @Test
    void listedGroupsThatAreNoneAreRefused() {
        assertRefused(List.of(List.of("layers.0.*")), "layers.0.mlp.up_proj; a group is two or more");
        assertRefused(List.of(List.of("layers.0.mlp.up_proj")), "matches only model.layers.0.mlp.up_proj");
        assertRefused(List.of(List.of("q_prjo")), "matches no projection");
        assertRefused(
                List.of(List.of("layers.[01].*q_proj"), List.of("layers.[12].*q_proj")),
                "model.layers.1.self_attn.q_proj is in two of share-groups");
    }

    private static void assertRefused(List<List<String>> listed, String part) {
        String message = assertThrows(
                        CospadiException.class, () -> SharingGroups.of(sharing(1, List.of(), listed), model()))
                .getMessage();
        assertTrue(message.contains(part), message);
    }
}
