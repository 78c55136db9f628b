package io.cospadi.cli;

import io.cospadi.calibration.GramStore;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a finished Gram store holds, for those who made it. */
final class StoreView {
    private StoreView() {}

    static void print(Path folder, GramStore store, boolean asJson, Terminal terminal) {
        long gradientTokens = store.hasOutputWeights() ? store.gradients().tokens() : 0;
        if (asJson) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("stats", folder.toString());
            json.put("tokens", store.tokens());
            json.put("gradient_tokens", gradientTokens);
            terminal.json(json);
        } else {
            terminal.out()
                    .println(folder + ": Grams of " + store.tokens() + " tokens"
                            + (gradientTokens == 0 ? "" : ", gradients of " + gradientTokens));
        }
    }
}
