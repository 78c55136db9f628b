package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class ConfigFuzzTest {
    private static final JsonNode CONFIGS = Fixtures.section("configs");

    /** Whatever config.json says, it is refused in one line or gives a configuration that can be worked with. */
    @Property(tries = 5000)
    void noConfigBringsTheReaderDown(@ForAll long seed) {
        Random random = new Random(seed);
        ObjectNode sound =
                (ObjectNode) CONFIGS.get(random.nextInt(CONFIGS.size())).get("config");
        ModelConfig config;
        try {
            config = new ConfigReader(Path.of("config.json"), HostileJson.of(sound, random)).read();
        } catch (CospadiException e) {
            assertFalse(e.getMessage().contains("\n"), e.getMessage());
            return;
        }
        assertTrue(config.heads() % config.kvHeads() == 0 && config.headDim() % 2 == 0);
        assertTrue(config.slidingWindow().length == config.layers());
        config.projection(0, ProjectionType.O);
        for (double frequency : config.rope().frequencies(config.headDim())) {
            assertTrue(
                    Double.isFinite(frequency) && frequency >= 0, config.rope().toString());
        }
    }
}
