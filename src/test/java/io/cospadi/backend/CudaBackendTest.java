package io.cospadi.backend;

import io.cospadi.gpu.EmulatedCuda;
import org.junit.jupiter.api.Nested;

/** The suite on the CUDA backend as it is, its kernels in emulation, its libraries stood for by OpenBLAS. */
class CudaBackendTest {
    @Nested
    class Storage extends AbstractStorageTest {
        /** Room for a matrix of more than 2 GiB. */
        @Override
        Backend create() {
            return TestBackends.on(new EmulatedCuda(4L << 30), Long.MAX_VALUE);
        }
    }

    @Nested
    class ShapeErrors extends AbstractShapeErrorsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class SharedMemory extends AbstractSharedMemoryTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Elementwise extends AbstractElementwiseTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class LinearAlgebra extends AbstractLinearAlgebraTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Grams extends AbstractGramTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class GramsWithSlowDoubles extends AbstractGramTest {
        @Override
        Backend create() {
            return TestBackends.emulatedWithSlowDoubles();
        }
    }

    @Nested
    class SparseCoding extends AbstractSparseCodingTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class AtomUpdates extends AbstractAtomUpdatesTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class BlockSteps extends AbstractBlockStepsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class PursuitFixtures extends AbstractPursuitFixturesTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Rounding extends AbstractRoundingTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class DecoderVerbs extends AbstractDecoderVerbsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class DecoderVerbsWithLeastShared extends AbstractDecoderVerbsTest {
        @Override
        Backend create() {
            return TestBackends.emulatedWithLeastShared();
        }
    }

    @Nested
    class TokenVerbs extends AbstractTokenVerbsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class GradientVerbs extends AbstractGradientVerbsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class GradientVerbsWithLeastShared extends AbstractGradientVerbsTest {
        @Override
        Backend create() {
            return TestBackends.emulatedWithLeastShared();
        }
    }

    @Nested
    class Weights extends AbstractWeightsTest {
        /** With little memory, as the emulation takes long to measure the rate of all. */
        @Override
        Backend create() {
            return TestBackends.on(new EmulatedCuda(), 32 << 20);
        }
    }
}
