package io.cospadi.evaluation;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * What {@code eval --json} prints.
 *
 * @param model      folder of the model
 * @param backend    "cpu" or "cuda"
 * @param perplexity one entry a text and kind
 * @param tasks      multiple-choice tasks; empty where none was asked for
 * @param kl         against a reference, or null
 * @param errors     against a reference, one entry a Gram store; null where none was named
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Evaluation(
        String model,
        String backend,
        List<Perplexity> perplexity,
        List<Object> tasks,
        Divergence kl,
        List<ProjectionErrors> errors) {}
