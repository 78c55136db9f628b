package io.cospadi.quantization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** The suite on every backend. */
class FeedbackRoundingTest {
    @Nested
    class Cpu extends AbstractFeedbackRoundingTest {
        @Override
        Backend create() {
            return new CpuBackend(2);
        }
    }

    @Nested
    class Emulated extends AbstractFeedbackRoundingTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    @Tag("gpu")
    class Gpu extends AbstractFeedbackRoundingTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }
}
