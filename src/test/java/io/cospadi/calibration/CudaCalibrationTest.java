package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import org.junit.jupiter.api.Nested;

/** Calibration on CUDA, kernels in emulation. */
class CudaCalibrationTest {
    @Nested
    class Grams extends AbstractCalibrationTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class GramsWithSlowDoubles extends AbstractCalibrationTest {
        @Override
        Backend create() {
            return TestBackends.emulatedWithSlowDoubles();
        }
    }

    @Nested
    class Gradients extends AbstractOutputGradientsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Propagated extends AbstractPropagatedInputsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }
}
