package io.cospadi.backend;

import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** The suite on the processor, alone and with a second worker. */
@ParameterizedClass(name = "{0} threads")
@ValueSource(ints = {1, 2})
class CpuRoundingTest extends AbstractRoundingTest {
    @Parameter
    int threads;

    @Override
    Backend create() {
        return new CpuBackend(threads);
    }
}
