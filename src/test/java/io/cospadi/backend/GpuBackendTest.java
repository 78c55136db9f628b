package io.cospadi.backend;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** The suite on this machine's GPU; skipped without one. */
@Tag("gpu")
class GpuBackendTest {
    @Nested
    class Storage extends AbstractStorageTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class ShapeErrors extends AbstractShapeErrorsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class SharedMemory extends AbstractSharedMemoryTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class Elementwise extends AbstractElementwiseTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class LinearAlgebra extends AbstractLinearAlgebraTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class Grams extends AbstractGramTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class GramsWithSlowDoubles extends AbstractGramTest {
        @Override
        Backend create() {
            return TestBackends.gpuWithSlowDoubles();
        }
    }

    @Nested
    class SparseCoding extends AbstractSparseCodingTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class AtomUpdates extends AbstractAtomUpdatesTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class BlockSteps extends AbstractBlockStepsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class PursuitFixtures extends AbstractPursuitFixturesTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class Rounding extends AbstractRoundingTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class DecoderVerbs extends AbstractDecoderVerbsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class DecoderVerbsWithLeastShared extends AbstractDecoderVerbsTest {
        @Override
        Backend create() {
            return TestBackends.gpuWithLeastShared();
        }
    }

    @Nested
    class TokenVerbs extends AbstractTokenVerbsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class GradientVerbs extends AbstractGradientVerbsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }

    @Nested
    class GradientVerbsWithLeastShared extends AbstractGradientVerbsTest {
        @Override
        Backend create() {
            return TestBackends.gpuWithLeastShared();
        }
    }

    @Nested
    class Weights extends AbstractWeightsTest {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }
}
