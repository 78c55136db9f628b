package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import org.junit.jupiter.api.Tag;

/** Jobs on this machine's GPU; skipped without one. */
@Tag("gpu")
class GpuCompressionJobTest extends AbstractCompressionJobTest {
    @Override
    Backend create() {
        return TestBackends.gpu();
    }
}
