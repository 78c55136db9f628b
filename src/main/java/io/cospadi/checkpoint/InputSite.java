package io.cospadi.checkpoint;

/** Where a decoder layer's projections read their input; projections of one site share one Gram matrix. */
public enum InputSite {
    /** The normalised hidden state that q, k and v read. */
    ATTENTION_INPUT("attn_in"),
    /** The heads' concatenated output that o reads. */
    ATTENTION_OUTPUT("attn_out"),
    /** The normalised hidden state that gate and up read. */
    MLP_INPUT("mlp_in"),
    /** silu(gate) · up, which down reads. */
    MLP_HIDDEN("mlp_hidden");

    private final String key;

    InputSite(String key) {
        this.key = key;
    }

    /** The site's name in Gram stores and reports. */
    public String key() {
        return key;
    }
}
