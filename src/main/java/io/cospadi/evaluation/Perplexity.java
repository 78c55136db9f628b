package io.cospadi.evaluation;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * One perplexity of one text.
 *
 * @param file    the text
 * @param kind    "token" or "word"; the two can't be compared
 * @param window  tokens of a window: the most context that a prediction saw
 * @param windows windows that were run
 * @param tokens  scored targets
 * @param words   divisor of a word perplexity; null for "token"
 * @param value   exp of the mean negative log-likelihood per token, or per word
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Perplexity(String file, String kind, int window, int windows, long tokens, Long words, double value) {}
