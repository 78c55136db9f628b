package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Perplexity on the processor, what is refused, and how words are counted. */
class PerplexityTest extends AbstractPerplexityTest {
    @Override
    Backend create() {
        return new CpuBackend(2);
    }

    @Test
    void impossibleWindowsAndTextsAreRefused() {
        CospadiException refused = assertThrows(
                CospadiException.class,
                () -> TokenPerplexity.evaluate(
                        weights, backend, "a.txt", tokens(), settings(100_000, 0), Progress.NONE));
        assertTrue(refused.getMessage().contains("a window of 100000 tokens, but the model has"), refused.getMessage());
        refused = assertThrows(
                CospadiException.class,
                () -> TokenPerplexity.evaluate(
                        weights, backend, "a.txt", new int[] {3}, settings(8, 0), Progress.NONE));
        assertTrue(refused.getMessage().startsWith("a.txt: 1 tokens, expected at least 2"), refused.getMessage());
    }

    /** Figures by Python: len(re.split(r"\s+", text)). */
    @Test
    void wordsAreThePiecesOfPythonsSplit() {
        assertEquals(1, WordPerplexity.words(""));
        assertEquals(1, WordPerplexity.words("a"));
        assertEquals(2, WordPerplexity.words(" "));
        assertEquals(3, WordPerplexity.words(" a\n"));
        assertEquals(3, WordPerplexity.words("a \t\r\n b\u00a0c"));
        assertEquals(5, WordPerplexity.words("a\u001cb\u2003c\u0085d\u3000e"));
        assertEquals(1, WordPerplexity.words("a\u200bb\ufeffc\u180ed"));
    }

    @Test
    void vocabulariesMustAgree() {
        try (ModelWeights other = DecoderFixture.named("qwen2").open()) {
            CospadiException refused = assertThrows(
                    CospadiException.class,
                    () -> KlDivergence.evaluate(
                            weights, "dense", other, backend, "a", tokens(), settings(8, 0), Progress.NONE));
            assertTrue(refused.getMessage().contains("one vocabulary"), refused.getMessage());
        }
    }

    @Test
    void projectionsMustAgree() {
        try (ModelWeights other = DecoderFixture.named("qwen2").open()) {
            CospadiException refused = assertThrows(
                    CospadiException.class,
                    () -> FunctionalError.evaluate(weights, other, backend, List.of(), Progress.NONE));
            assertTrue(refused.getMessage().contains("the model that it was made of"), refused.getMessage());
        }
    }

    @Test
    void resultsSerialiseAsTheContractSays() throws Exception {
        Evaluation evaluation = new Evaluation(
                "m",
                "cpu",
                List.of(
                        new Perplexity("t", "token", 1024, 3, 3069, null, 22.5),
                        new Perplexity("t", "word", 8192, 1, 3072, 2000L, 60.25)),
                List.of(),
                new Divergence("d", "t", 1024, 3069, 0.5, 0.75),
                List.of(new ProjectionErrors("g", 24, List.of(new ProjectionErrors.Entry("p", 0.125)))));
        String json = "{'model':'m','backend':'cpu','perplexity':["
                + "{'file':'t','kind':'token','window':1024,'windows':3,'tokens':3069,'value':22.5},"
                + "{'file':'t','kind':'word','window':8192,'windows':1,'tokens':3072,'words':2000,'value':60.25}],"
                + "'tasks':[],'kl':{'reference':'d','file':'t','window':1024,'tokens':3069,'mean':0.5,"
                + "'top1_agreement':0.75},"
                + "'errors':[{'stats':'g','tokens':24,'projections':[{'name':'p','relative_error':0.125}]}]}";
        assertEquals(json.replace('\'', '"'), new ObjectMapper().writeValueAsString(evaluation));
    }
}
