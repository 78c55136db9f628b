package io.cospadi.evaluation;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What a model's projections lose of their outputs on one text.
 *
 * @param stats       Gram store of the text
 * @param tokens      that its Grams were summed over
 * @param projections those that differ from the reference's, in the model's order
 */
public record ProjectionErrors(String stats, long tokens, List<Entry> projections) {
    /**
     * One projection's.
     *
     * @param name          such as model.layers.0.mlp.up_proj
     * @param relativeError share of the output's energy that is lost
     */
    public record Entry(
            String name, @JsonProperty("relative_error") double relativeError) {}
}
