package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** Calibration on this machine's GPU; skipped without one. */
@Tag("gpu")
class GpuCalibrationTest {
    @Nested
    class Grams extends AbstractCalibrationTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class GramsWithSlowDoubles extends AbstractCalibrationTest {
        @Override
        Backend create() {
            return TestBackends.gpuWithSlowDoubles();
        }
    }

    @Nested
    class Gradients extends AbstractOutputGradientsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class Propagated extends AbstractPropagatedInputsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }
}
