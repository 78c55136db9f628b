package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URISyntaxException;
import java.nio.file.Path;

/** What Hugging Face's libraries said, see src/test/python/make_checkpoint_fixtures.py. */
final class Fixtures {
    private Fixtures() {}

    static Path folder() {
        try {
            return Path.of(Fixtures.class.getResource("/fixtures/checkpoint").toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    static JsonNode section(String name) {
        return StrictJson.readObject(folder().resolve("fixtures.json")).get(name);
    }
}
