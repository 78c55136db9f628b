package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.EmulatedCuda;
import org.junit.jupiter.api.Nested;

/** The decoder on CUDA, kernels in emulation. */
class CudaDecoderTest {
    @Nested
    class ReferenceLogits extends AbstractReferenceLogitsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class ReferenceGradients extends AbstractReferenceGradientsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Generation extends AbstractGeneratorTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class FactoredModels extends AbstractFactoredDecoderTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class SingleTokens extends AbstractSingleTokenStepTest {
        @Override
        CudaCalls device() {
            return new EmulatedCuda();
        }
    }
}
