package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;

/** Jobs on CUDA, kernels in emulation. */
class CudaCompressionJobTest extends AbstractCompressionJobTest {
    @Override
    Backend create() {
        return TestBackends.emulated();
    }
}
