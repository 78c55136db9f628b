package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SelfTestTest {
    @Test
    void theCpuPassesAndNothingStaysAllocated() {
        try (Backend backend = new CpuBackend(2)) {
            for (SelfTest.Check check : SelfTest.run(backend)) {
                assertTrue(check.passed(), check.toString());
            }
            assertTrue(ProductRate.of(backend) > 0);
            assertEquals(0, backend.allocatedBytes());
        }
    }

    /** Its Gram is less precise, as it says. */
    @Test
    void anEmulatedGpuWithSlowDoublesPasses() {
        try (Backend backend = TestBackends.emulatedWithSlowDoubles()) {
            for (SelfTest.Check check : SelfTest.run(backend)) {
                assertTrue(check.passed(), check.toString());
            }
        }
    }

    @Test
    void anEmulatedGpuOfLeastSharedMemoryPasses() {
        try (Backend backend = TestBackends.emulatedWithLeastShared()) {
            for (SelfTest.Check check : SelfTest.run(backend)) {
                assertTrue(check.passed(), check.toString());
            }
        }
    }

    @Test
    void whatIsTooFarOffOrNoNumberFails() {
        assertTrue(new SelfTest.Check("verb", 1e-6, 1e-6).passed());
        assertFalse(new SelfTest.Check("verb", 1.1e-6, 1e-6).passed());
        assertFalse(new SelfTest.Check("verb", Double.NaN, 1e-6).passed());
    }
}
