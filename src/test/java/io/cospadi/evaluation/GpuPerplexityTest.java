package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import org.junit.jupiter.api.Tag;

/** Evaluation on this machine's GPU; skipped without one. */
@Tag("gpu")
class GpuPerplexityTest extends AbstractPerplexityTest {
    @Override
    Backend create() {
        return TestBackends.gpu();
    }
}
