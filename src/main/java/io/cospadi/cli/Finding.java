package io.cospadi.cli;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * One thing that {@code doctor} looked at.
 *
 * @param topic  what
 * @param state  "ok", "note" (works, but could be better, or is not used) or "problem" (the program can't work so)
 * @param found  what there is
 * @param advice what to do; null where nothing is
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Finding(String topic, String state, String found, String advice) {
    static final String PROBLEM = "problem";

    static Finding ok(String topic, String found) {
        return new Finding(topic, "ok", found, null);
    }

    static Finding note(String topic, String found, String advice) {
        return new Finding(topic, "note", found, advice);
    }

    static Finding problem(String topic, String found, String advice) {
        return new Finding(topic, PROBLEM, found, advice);
    }

    boolean isProblem() {
        return state.equals(PROBLEM);
    }
}
