package io.cospadi.checkpoint;

/**
 * One linear map of one layer; its stored weight is {@code (d2, d1)}, the transpose of the paper's W.
 *
 * @param layer decoder layer, from 0
 * @param type  which of the seven
 * @param d1    input features
 * @param d2    output features
 */
public record Projection(int layer, ProjectionType type, int d1, int d2) {
    public Projection {
        if (layer < 0 || d1 < 1 || d2 < 1) {
            throw new IllegalArgumentException(
                    "a projection needs layer >= 0 and d1, d2 >= 1, got layer " + layer + ", " + d1 + " x " + d2);
        }
    }

    /** Such as {@code model.layers.3.self_attn.q_proj}; never with {@code .weight}. */
    public String name() {
        return "model.layers." + layer + "." + type.hfName();
    }

    /** The stored tensor of the dense weight. */
    public String weightName() {
        return name() + ".weight";
    }

    /** The stored tensor of the bias, which only some architectures have. */
    public String biasName() {
        return name() + ".bias";
    }

    /** Such as {@code model.layers.3.attn_in}: the key of its input's Gram matrix. */
    public String siteName() {
        return siteName(layer, type.site());
    }

    /** The key of an input site's Gram matrix. */
    public static String siteName(int layer, InputSite site) {
        return "model.layers." + layer + "." + site.key();
    }
}
