package io.cospadi.checkpoint;

/** The seven linear maps of a Llama-family decoder layer, in the order in which the layer uses them. */
public enum ProjectionType {
    Q("self_attn.q_proj", InputSite.ATTENTION_INPUT),
    K("self_attn.k_proj", InputSite.ATTENTION_INPUT),
    V("self_attn.v_proj", InputSite.ATTENTION_INPUT),
    O("self_attn.o_proj", InputSite.ATTENTION_OUTPUT),
    GATE("mlp.gate_proj", InputSite.MLP_INPUT),
    UP("mlp.up_proj", InputSite.MLP_INPUT),
    DOWN("mlp.down_proj", InputSite.MLP_HIDDEN);

    private final String hfName;
    private final InputSite site;

    ProjectionType(String hfName, InputSite site) {
        this.hfName = hfName;
        this.site = site;
    }

    /** Hugging Face's name within a layer, such as {@code self_attn.q_proj}. */
    public String hfName() {
        return hfName;
    }

    /** Where its input is read. */
    public InputSite site() {
        return site;
    }
}
