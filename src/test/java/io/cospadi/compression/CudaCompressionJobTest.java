package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs on CUDA, kernels in emulation. */
class CudaCompressionJobTest extends AbstractCompressionJobTest {
    @Override
    Backend create() {
        return TestBackends.emulated();
    }

    /** Loss-aware, with gradients and a shared dictionary; and a plain one of the paper's. */
    @ParameterizedTest
    @ValueSource(
            strings = {"include: ['layers.*.q_proj']\n", "include: ['layers.1.*']\nbudget: uniform\nsolver: ksvd\n"})
    void bytesDoNotDependOnWhenQueuedWorkIsDone(String more) {
        Recipe recipe = recipe(more);
        job.run(recipe, "at once", backend);
        try (Backend late = TestBackends.emulatedLate()) {
            job.run(recipe, "late", late);
        }
        assertEquals(TinyJob.contents(job.out("at once")), TinyJob.contents(job.out("late")));
    }
}
