package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.MaskGroups;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OrthonormalDictionaryTest {
    private static final Sparsity SPARSITY = Sparsity.of(30, 12, MaskGroups.NONE);

    private static final int D = 40;

    /**
     * Channel scales from 1 to 1e5 leave outputs whose energies span ten orders, their Procrustes product's Gram twenty: more
     * than f64 resolves. The attention output of a real first layer is such a case.
     */
    @ParameterizedTest
    @ValueSource(doubles = {1, 1e3, 1e5, 1e6})
    void atomsStayOrthonormalHoweverSkewedTheSpectrum(double spread) {
        try (Backend backend = new CpuBackend(1);
                Problems problem = Problems.random(backend, D, D, 2 * D, spread, 7)) {
            Effort effort = new Effort(backend);
            effort.enter("test");
            try (Scratch scratch = new Scratch(backend)) {
                Whitening whitening = Whitening.of(backend, effort, scratch, problem.problem);
                OrthonormalDictionary dictionary = new OrthonormalDictionary(
                        backend, effort, scratch, whitening, Math.min(30, whitening.rank()), SPARSITY);
                dictionary.code();
                double error = backend.read(dictionary.error()).value();
                for (int round = 0; round < 6; round++) {
                    dictionary.update();
                    assertOrthonormal(dictionary);
                    dictionary.code();
                    double next = backend.read(dictionary.error()).value();
                    assertTrue(
                            next <= error + 1e-6, "round " + round + " raised the error from " + error + " to " + next);
                    error = next;
                }
            }
            problem.close();
            assertEquals(0, backend.allocatedBytes(), "left allocated");
        }
    }

    @Test
    void aProductThatLostRankLeavesOrthonormalAtoms() {
        try (Backend backend = new CpuBackend(1);
                Problems problem = Problems.random(backend, D, D, 2 * D, 1, 8)) {
            Effort effort = new Effort(backend);
            effort.enter("test");
            try (Scratch scratch = new Scratch(backend)) {
                Whitening whitening = Whitening.of(backend, effort, scratch, problem.problem);
                OrthonormalDictionary dictionary =
                        new OrthonormalDictionary(backend, effort, scratch, whitening, 30, SPARSITY);
                dictionary.code();
                backend.fill(dictionary.codes().rows(3, D - 3), 0); // three rows: rank three at most
                dictionary.update();
                assertOrthonormal(dictionary);
            }
        }
    }

    /** By plain loops; f32 rows of {@code D} terms round to about sqrt(D) · 6e-8. */
    private static void assertOrthonormal(OrthonormalDictionary dictionary) {
        try (Backend reader = new CpuBackend(1)) {
            int k = dictionary.dictionary().rows();
            assertEquals(DType.F32, dictionary.dictionary().dtype());
            double[][] d = Plain.matrix(k, dictionary.dictionary().cols(), reader.readFloats(dictionary.dictionary()));
            double[][] gram = Plain.product(d, Plain.transpose(d));
            for (int i = 0; i < k; i++) {
                for (int j = 0; j < k; j++) {
                    assertEquals(i == j ? 1 : 0, gram[i][j], 2e-6, "atoms " + i + " and " + j);
                }
            }
        }
    }
}
