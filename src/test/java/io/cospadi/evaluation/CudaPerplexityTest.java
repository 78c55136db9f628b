package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;

/** Evaluation on CUDA, kernels in emulation. */
class CudaPerplexityTest extends AbstractPerplexityTest {
    @Override
    Backend create() {
        return TestBackends.emulated();
    }
}
