package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.Gpu;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** The decoder on this machine's GPU; skipped without one. */
@Tag("gpu")
class GpuDecoderTest {
    @Nested
    class ReferenceLogits extends AbstractReferenceLogitsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class ReferenceGradients extends AbstractReferenceGradientsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class Generation extends AbstractGeneratorTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class FactoredModels extends AbstractFactoredDecoderTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class LoadingAhead extends AbstractLoadingAheadTest {
        @Override
        CudaCalls device() {
            return Gpu.open();
        }
    }

    @Nested
    class SingleTokens extends AbstractSingleTokenStepTest {
        @Override
        CudaCalls device() {
            return Gpu.open();
        }
    }
}
