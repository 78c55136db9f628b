package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import org.junit.jupiter.api.Nested;

/** The decoder on the processor. */
class CpuDecoderTest {
    @Nested
    class ReferenceLogits extends AbstractReferenceLogitsTest {
        @Override
        Backend create() {
            return new CpuBackend(2);
        }
    }

    @Nested
    class ReferenceGradients extends AbstractReferenceGradientsTest {
        @Override
        Backend create() {
            return new CpuBackend(2);
        }
    }

    @Nested
    class Generation extends AbstractGeneratorTest {
        @Override
        Backend create() {
            return new CpuBackend(2);
        }
    }

    @Nested
    class FactoredModels extends AbstractFactoredDecoderTest {
        @Override
        Backend create() {
            return new CpuBackend(2);
        }
    }
}
