package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;

/**
 * How far back each layer's queries see, as transformers decides it: Mistral by {@code sliding_window} alone, in every
 * layer; Qwen by {@code use_sliding_window}, then {@code layer_types}, or else every layer from {@code max_window_layers}
 * on; Llama never.
 */
final class SlidingWindowReader {
    private final ConfigReader config;
    private final Architecture architecture;
    private final int layers;

    SlidingWindowReader(ConfigReader config, Architecture architecture, int layers) {
        this.config = config;
        this.architecture = architecture;
        this.layers = layers;
    }

    int[] read() {
        int[] windows = new int[layers];
        Arrays.fill(windows, Integer.MAX_VALUE);
        JsonNode value = config.get("sliding_window");
        boolean given = !ConfigReader.absent(value);
        switch (architecture) {
            case LLAMA:
                break;
            case MISTRAL:
                // an absent key means 4096 to transformers, an explicit null means no window
                if (value == null || given) {
                    Arrays.fill(windows, window());
                }
                break;
            case QWEN2, QWEN3:
                boolean used = config.flag("use_sliding_window", false) && (value == null || given);
                boolean[] slides = slidingLayers(used);
                for (int layer = 0; layer < layers; layer++) {
                    if (slides[layer]) {
                        windows[layer] = window();
                    }
                }
                break;
        }
        return windows;
    }

    private int window() {
        return config.size("sliding_window", 4096, 1, Integer.MAX_VALUE);
    }

    private boolean[] slidingLayers(boolean used) {
        boolean[] slides = new boolean[layers];
        JsonNode types = config.get("layer_types");
        if (ConfigReader.absent(types)) {
            int first = config.size("max_window_layers", 28, 0, Integer.MAX_VALUE);
            for (int layer = 0; layer < layers; layer++) {
                slides[layer] = used && layer >= first;
            }
            return slides;
        }
        if (!types.isArray() || types.size() != layers) {
            throw config.wrong("layer_types", types, "a list of " + layers + " entries");
        }
        for (int layer = 0; layer < layers; layer++) {
            String type = types.get(layer).asText();
            if (!type.equals("full_attention") && !type.equals("sliding_attention")) {
                throw config.wrong(
                        "layer_types[" + layer + "]", types.get(layer), "\"full_attention\" or \"sliding_attention\"");
            }
            slides[layer] = type.equals("sliding_attention") && used;
        }
        return slides;
    }
}
