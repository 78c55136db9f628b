package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.ShareObjective;
import io.cospadi.factorization.Solver;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.MaskGroups;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecipeDocumentTest {
    private static Recipe recipe(String text) {
        return RecipeDocument.parse(text, "r.yaml").recipe();
    }

    @Test
    void defaultsAreTheContracts() {
        Recipe recipe = recipe("ratio: 0.2");
        assertEquals(0.2, recipe.ratio());
        assertEquals(Method.COSPADI, recipe.method());
        assertEquals(Solver.BLOCK, recipe.solver());
        assertEquals(BudgetChoice.AUTO, recipe.budget());
        assertEquals(Objective.LOSS, recipe.objective());
        assertEquals(Sampling.CONSECUTIVE, recipe.sample());
        assertEquals(MaskGroups.NONE, recipe.groups());
        assertEquals(OutputWeighting.of(Method.COSPADI), recipe.outputs());
        assertEquals(Propagation.DENSE, recipe.propagation());
        assertEquals(42, recipe.seed());
        assertEquals(256, recipe.windows());
        assertEquals(1024, recipe.window());
        assertEquals(Precision.DEFAULT, recipe.precision());
    }

    @ParameterizedTest
    @CsvSource({"block, 40", "ksvd, 60", "ksvd-exact, 60", "ksvd-blocked, 60", "mod, 60"})
    void roundsFollowTheSolver(String solver, int rounds) {
        assertEquals(
                rounds,
                recipe("{\"ratio\": 0.2, \"solver\": \"" + solver + "\"}").rounds());
        assertEquals(20, recipe("ratio: 0.2\nmethod: compot").rounds());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "share: 1",
                "share: 1\nshare-objective: mean",
                "budget: uniform",
                "budget: pooled",
                "propagate: compressed",
                "output-covariance: full",
                "method: svd-llm",
                "method: gptq"
            })
    void sharesNothing(String options) {
        Recipe recipe = recipe("ratio: 0.2\n" + options);
        assertEquals(Sharing.NONE, recipe.sharing());
        assertEquals(recipe, recipe(new String(RecipeText.yaml(recipe), StandardCharsets.UTF_8)));
    }

    @Test
    void cospadiUnderTheAutomaticBudgetAndBasisSharingShareByTwo() {
        Recipe recipe = recipe("ratio: 0.2");
        assertEquals(new Sharing(2, List.of(), List.of(), ShareObjective.MEAN), recipe.sharing());
        assertEquals(recipe, recipe(new String(RecipeText.yaml(recipe), StandardCharsets.UTF_8)));
        assertEquals(
                List.of("q_proj"),
                recipe("ratio: 0.2\nshare-include: q_proj").sharing().include().stream()
                        .map(NamePattern::text)
                        .toList());
        assertEquals(
                1,
                recipe("ratio: 0.2\nshare-groups: [['*.1.*', '*.2.*']]")
                        .sharing()
                        .layers());
        assertEquals(2, recipe("ratio: 0.2\nmethod: basis-sharing").sharing().layers());
        assertEquals(
                1,
                recipe("ratio: 0.2\nmethod: basis-sharing\nshare: 1").sharing().layers());
        assertEquals(
                ShareObjective.MEAN, recipe("ratio: 0.2\nshare: 2").sharing().objective());
        assertEquals(BudgetChoice.AUTO, recipe("ratio: 0.2\nshare: 2").budget());
    }

    @Test
    void windowsBesideAStoreAreRefused() {
        for (String unused : List.of("windows: 3", "window: 17", "sample: random")) {
            String key = unused.split(":")[0];
            assertThrows(RecipeException.class, () -> recipe("ratio: 0.2\nstats: st\n" + unused));
            RecipeDocument ofText = RecipeDocument.parse("ratio: 0.2\n" + unused, "r.yaml");
            ofText.overlay(JsonNodeFactory.instance.objectNode().put("stats", "st"))
                    .recipe();
            String message = assertThrows(RecipeException.class, () -> RecipeDocument.parse("ratio: 0.2\n", "r.yaml")
                            .overlay(JsonNodeFactory.instance
                                    .objectNode()
                                    .put("stats", "st")
                                    .setAll(given(unused)))
                            .recipe())
                    .getMessage();
            assertTrue(
                    message.startsWith("--" + key + " does not apply where a store is given: --stats st holds"),
                    message);
        }
        assertEquals(
                17,
                recipe("max-perplexity-increase: 5\nperplexity-text: t\nstats: st\nwindow: 17\n")
                        .window());
    }

    private static ObjectNode given(String yaml) {
        String[] option = yaml.split(": ");
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        return option[0].equals("sample")
                ? given.put(option[0], option[1])
                : given.put(option[0], Integer.parseInt(option[1]));
    }

    @Test
    void commandLineOverridesTheFile() {
        RecipeDocument document = RecipeDocument.parse("ratio: 0.2\nrounds: 7\nseed: 1", "r.yaml")
                .overlay(JsonNodeFactory.instance.objectNode().put("ratio", 0.4).put("seed", 5));
        assertEquals(0.4, document.recipe().ratio());
        assertEquals(7, document.recipe().rounds());
        assertEquals(5, document.recipe().seed());
    }

    @Test
    void faultIsUsageOnlyWhereTheArgumentsAreAtFault() {
        RecipeDocument document = RecipeDocument.parse("ratio: 2", "r.yaml");
        RecipeException inFile = assertThrows(RecipeException.class, document::recipe);
        assertFalse(inFile.onCommandLine());
        assertTrue(inFile.getMessage().startsWith("recipe r.yaml: ratio"), inFile.getMessage());
        RecipeException given = assertThrows(RecipeException.class, () -> document.overlay(
                        JsonNodeFactory.instance.objectNode().put("ratio", 3.0))
                .recipe());
        assertTrue(given.onCommandLine());
        assertTrue(given.getMessage().startsWith("--ratio"), given.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ratoi: 0.2                         | did you mean ratio?",
                "ratio: 0.2\\nvalue_bits: 14        | did you mean value-bits?",
                "ratio: 0.2\\nmethod: cospady       | did you mean cospadi?",
                "ratio: 0.2\\nsolver: k-svd         | did you mean ksvd?",
                "ratio: 0.2\\nratio: 0.3            | line 2",
                "ratio: 0.2\\nrounds: 2.5           | whole number",
                "ratio: 0.2\\nmethod: svd-llm\\nobjective: loss | belongs to methods cospadi and kfac-svd",
                "ratio: 0.2\\nmethod: compot\\noutput-covariance: full | is full for kfac-svd",
                "ratio: 0.2\\nsolver: mod\\noutput-covariance: full | is full for kfac-svd",
                "ratio: 0.2\\noutput-shrinkage: 0 | is a share above 0",
                "ratio: 0.2\\nmethod: kfac-svd\\nobjective: output | is loss for kfac-svd",
                "ratio: 0.2\\nmethod: svd\\nrounds: 5 | does not apply",
                "ratio: 0.2\\nmethod: svd\\nsolver: mod | belongs to method cospadi",
                "ratio: 0.2\\npursuit: staged | belongs to method cospadi with another solver than block, not to block",
                "ratio: 0.2\\nmethod: compot\\npursuit: staged | another solver than block, not to compot",
                "ratio: 0.2\\nsolver: mod\\npursuit: stage | did you mean staged?",
                "ratio: 0.2\\noverrides: [{patern: x}] | did you mean pattern?",
                "ratio: 0.2\\noverrides: [{pattern: x}] | either a ratio or",
                "ratio: 0.2\\noverrides: [{pattern: x, dense: true}] | uniform budget",
                "ratio: 0.2\\nbudget: pooled\\noverrides: [{pattern: x, dense: true}] | uniform budget",
                "ratio: 0.2\\nshare: 2\\nbudget: pooled | is auto or uniform where",
                "ratio: 0.2\\nshare: 2\\nmethod: svd  | belongs to methods cospadi and basis-sharing",
                "ratio: 0.2\\nshare: 0               | whole number from 1",
                "ratio: 0.2\\nshare: 2\\nsolver: mod\\nshare-objective: exact | is mean but for",
                "ratio: 0.2\\nbudget: uniform\\nshare-include: q_proj  | needs share",
                "ratio: 0.2\\nshare-groups: [q_proj] \\nmethod: compot | belongs to methods",
                "ratio: 0.2\\nshare-groups: q_proj   | a list of groups",
                "ratio: 0.2\\nvalue-bits: 9          | is 16, 14 or 3 to 8",
                "ratio: 0.2\\ndictionary-bits: 14    | is 16 or 3 to 8",
                "ratio: 0.2\\ngroups: '3:4'          | is one of none, 8:16, 2:4",
                "ratio: 0.2\\ngroups: '8:16'\\nsolver: ksvd | belongs to method compot and to cospadi with solver block, not to ksvd",
                "ratio: 0.2\\ngroup-size: 64         | needs value-bits or dictionary-bits of 3 to 8",
                "ratio: 0.2\\nvalue-bits: 4\\ngroup-size: -1 | whole number from 0",
                "ratio: 0.2\\nvalue-bits: 4\\nmethod: svd | does not apply to svd",
                "ratio: 0.2\\nmethod: gptq\\nvalue-bits: 4 | whose bits are the most that meet the ratio",
                "ratio: 0.2\\nmethod: rtn\\nbudget: auto | is uniform for rtn",
                "ratio: 0.2\\nmethod: rtn\\nrounds: 4 | does not apply to rtn",
                "ratio: 0.2\\nmethod: gptq\\nshare: 2 | belongs to methods cospadi and basis-sharing",
                "- a                                | no mapping",
                "ratio: [                           | YAML or JSON",
                "ratio: 0.2\\n---\\nratio: 0.3      | second document",
                "include: 'a{b'\\nratio: 0.2        | never closed",
            })
    void mistakeIsNamedWithTheNearestName(String text, String hint) {
        String message = assertThrows(CospadiException.class, () -> recipe(text.replace("\\n", "\n")))
                .getMessage();
        assertTrue(message.contains(hint.strip()), message);
        assertFalse(message.contains("\n"), message);
    }

    @Test
    void writtenRecipeReadsBack() {
        Recipe recipe = recipe(
                "ratio: 0.35\nbudget: uniform\nmethod: compot\nrounds: 9\nseed: -3\nsample: random\nwindows: 3\nwindow: 17\n"
                        + "include: ['mlp.*', 'we\"ird\\']\nexclude: 'layers.[0-2].*'\n"
                        + "overrides: [{pattern: up_proj, ratio: 0.1}, {pattern: q_proj, dense: true}]\n");
        String yaml = new String(RecipeText.yaml(recipe), StandardCharsets.UTF_8);
        assertEquals(recipe, recipe(yaml), yaml);
        assertEquals(OptionalDouble.empty(), recipe.overrides().get(1).ratio());
        Recipe levels = recipe("ratio: 0.2\nvalue-bits: 4\ndictionary-bits: 8\ngroup-size: 64\n");
        assertEquals(new Precision(4, 8, 64), levels.precision());
        assertEquals(levels, recipe(new String(RecipeText.yaml(levels), StandardCharsets.UTF_8)));
        Recipe groups = recipe("ratio: 0.2\ngroups: '2:4'\n");
        assertEquals(MaskGroups.TWO_OF_4, groups.groups());
        assertEquals(groups, recipe(new String(RecipeText.yaml(groups), StandardCharsets.UTF_8)));
        Recipe staged = recipe("ratio: 0.2\nsolver: ksvd\npursuit: staged\n");
        assertEquals(Pursuit.STAGED, staged.solverSettings().pursuit());
        assertEquals(staged, recipe(new String(RecipeText.yaml(staged), StandardCharsets.UTF_8)));
        Recipe gptq = recipe("ratio: 0.7\nmethod: gptq\n");
        assertEquals(128, gptq.precision().groupSize());
        assertEquals(gptq, recipe(new String(RecipeText.yaml(gptq), StandardCharsets.UTF_8)));
        Recipe shared = recipe("ratio: 0.2\nshare: 2\nshare-include: [q_proj]\nshare-objective: mean\n"
                + "share-groups: [['layers.{0,1}.*.k_proj'], ['layers.2.mlp.up_proj', 'layers.3.mlp.up_proj']]");
        assertEquals(2, shared.sharing().groups().size());
        assertEquals(shared, recipe(new String(RecipeText.yaml(shared), StandardCharsets.UTF_8)));
        Recipe lowRank = recipe("ratio: 0.2\nmethod: svd-llm");
        assertEquals(lowRank, recipe(new String(RecipeText.yaml(lowRank), StandardCharsets.UTF_8)));
    }

    @ParameterizedTest
    @CsvSource({
        "q_proj, true",
        "*.q_proj, true",
        "self_attn.*, true",
        "layers.3.*, true",
        "model.layers.3.self_attn.q_proj, true",
        "layers.[0-4].*, true",
        "layers.[!3].*, false",
        "layers.?.self_attn.?_proj, true",
        "mlp.*, false",
        "layers.33.*, false",
        "proj, false",
        "attn.q_proj, false",
        "q.proj, false"
    })
    void patternMatchesWholeNameOrWhatFollowsADot(String pattern, boolean matches) {
        assertEquals(matches, new NamePattern(pattern).matches("model.layers.3.self_attn.q_proj"));
    }

    @Test
    void alternativesInAPattern() {
        assertTrue(new NamePattern("layers.{0,3}.*").matches("model.layers.3.mlp.up_proj"));
        assertFalse(new NamePattern("layers.{0,2}.*").matches("model.layers.3.mlp.up_proj"));
    }
}
