package io.cospadi.checkpoint;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The model families whose forward pass the decoder knows. */
public enum Architecture {
    LLAMA("llama", "Llama"),
    QWEN2("qwen2", "Qwen2"),
    QWEN3("qwen3", "Qwen3"),
    MISTRAL("mistral", "Mistral");

    private final String modelType;
    private final String family;

    Architecture(String modelType, String family) {
        this.modelType = modelType;
        this.family = family;
    }

    /** config.json's {@code model_type}. */
    public String modelType() {
        return modelType;
    }

    /** The prefix of Hugging Face's class names, such as {@code Llama} in {@code LlamaForCausalLM}. */
    public String family() {
        return family;
    }

    static Optional<Architecture> of(String modelType) {
        return Arrays.stream(values())
                .filter(a -> a.modelType.equals(modelType))
                .findFirst();
    }

    /** "llama, qwen2, qwen3, mistral". */
    static String supported() {
        return Arrays.stream(values()).map(Architecture::modelType).collect(Collectors.joining(", "));
    }

    /** Which projections carry a bias, given config.json's two switches (Qwen2 and Mistral have no such switch). */
    Set<ProjectionType> biases(boolean attentionBias, boolean mlpBias) {
        EnumSet<ProjectionType> biases = EnumSet.noneOf(ProjectionType.class);
        if (this == QWEN2) {
            biases.addAll(EnumSet.of(ProjectionType.Q, ProjectionType.K, ProjectionType.V));
        }
        if (attentionBias && (this == LLAMA || this == QWEN3)) {
            biases.addAll(EnumSet.of(ProjectionType.Q, ProjectionType.K, ProjectionType.V, ProjectionType.O));
        }
        if (mlpBias && this == LLAMA) {
            biases.addAll(EnumSet.of(ProjectionType.GATE, ProjectionType.UP, ProjectionType.DOWN));
        }
        return Set.copyOf(biases);
    }
}
