package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WhiteningTest {
    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    @ParameterizedTest(name = "d1={0}, d2={1}, {2} tokens, scales up to {3}")
    @CsvSource({
        "24, 40, 200, 1",
        "24, 24, 200, 1",
        "24, 40, 200, 1e4",
        "24, 40, 10, 1",
        "24, 40, 10, 1e3",
        "40, 24, 200, 1",
        "40, 24, 200, 1e4",
        "40, 24, 11, 1",
        "1, 1, 5, 1",
        "1, 7, 5, 1",
        "7, 1, 5, 1"
    })
    void targetHasTheOutputsGram(int d1, int d2, int tokens, double spread) {
        try (Problems p = Problems.random(backend, d1, d2, tokens, spread, 5);
                Scratch scratch = new Scratch(backend)) {
            Whitening whitening = Whitening.of(backend, new Effort(backend), scratch, p.problem);
            int rank = Math.min(Math.min(d1, d2), tokens);
            assertEquals(rank, whitening.rank());
            double[][] y = Plain.matrix(d2, rank, backend.readFloats(whitening.target()));
            double[][] outputs = Plain.product(Plain.product(p.w, p.gram), Plain.transpose(p.w));
            double energy = Plain.energy(p.w, p.gram);
            assertEquals(energy, whitening.energy(), 1e-9 * energy);
            double[][] ours = Plain.product(y, Plain.transpose(y));
            for (int i = 0; i < d2; i++) {
                for (int j = 0; j < d2; j++) {
                    // an F32 target of unit rows: 1e-7 times the two rows' sizes
                    double size = Math.sqrt(outputs[i][i] * outputs[j][j]) * d2 / energy;
                    assertEquals(outputs[i][j] * d2 / energy, ours[i][j], 1e-6 * size + 1e-12, i + ", " + j);
                }
            }
        }
    }

    @ParameterizedTest(name = "d1={0}, d2={1}, {2} tokens, scales up to {3}")
    @CsvSource({"24, 40, 200, 1", "24, 40, 200, 100", "24, 40, 10, 1", "40, 24, 200, 1", "40, 24, 11, 10"})
    void whitenedErrorEqualsOutputError(int d1, int d2, int tokens, double spread) {
        try (Problems p = Problems.random(backend, d1, d2, tokens, spread, 6);
                Scratch scratch = new Scratch(backend)) {
            Whitening whitening = Whitening.of(backend, new Effort(backend), scratch, p.problem);
            Random random = new Random(1);
            int k = 9;
            double[][] codes = Plain.gaussian(d2, k, random);
            double[][] inY = Plain.gaussian(k, whitening.rank(), random);
            double[][] y = Plain.matrix(d2, whitening.rank(), backend.readFloats(whitening.target()));
            double[][] lostInY = Plain.minus(y, Plain.product(codes, inY));
            try (Matrix dictionary = backend.allocate(k, whitening.rank(), DType.F32)) {
                backend.write(dictionary, Plain.floats(inY));
                try (Matrix unwhitened = whitening.unwhiten(dictionary)) {
                    double[][] d = Plain.matrix(k, d1, backend.readDoubles(unwhitened));
                    double[][] lost = Plain.minus(p.w, Plain.product(codes, d));
                    double whitened = Plain.dot(lostInY, lostInY) / Plain.dot(y, y);
                    double output = Plain.energy(lost, p.gram) / Plain.energy(p.w, p.gram);
                    assertEquals(output, whitened, 1e-5 * output);
                }
            }
        }
    }

    @Test
    void bothFormsDescribeOneProblem() {
        try (Problems p = Problems.random(backend, 20, 30, 100, 10, 7)) {
            double[] byInputs = WhitenedSpectrum.of(backend, p.problem);
            try (Scratch scratch = new Scratch(backend)) {
                Matrix weight = scratch.f64(p.problem.weight());
                Whitening byOutputs =
                        Whitening.byOutputs(backend, new Effort(backend), scratch, p.problem, weight, p.problem.gram());
                assertEquals(20, byOutputs.rank());
                double[] values = byOutputs.principalAxes().singularValues();
                for (int i = 0; i < 20; i++) {
                    assertEquals(byInputs[i], values[i], 1e-5 * byInputs[0]);
                }
            }
        }
    }

    @Test
    void inputThatCalibrationNeverSawGetsNoWeight() {
        try (Problems p = Problems.random(backend, 12, 20, 60, 1, 8)) {
            for (int j = 0; j < 12; j++) {
                p.gram[3][j] = 0;
                p.gram[j][3] = 0;
            }
            try (Problems holed = Problems.of(backend, p.w, p.gram);
                    Scratch scratch = new Scratch(backend)) {
                Whitening whitening = Whitening.of(backend, new Effort(backend), scratch, holed.problem);
                Matrix dictionary = scratch.f32(2, whitening.rank());
                assertEquals(11, whitening.rank());
                backend.fill(dictionary, 1);
                try (Matrix unwhitened = whitening.unwhiten(dictionary)) {
                    double[][] d = Plain.matrix(2, 12, backend.readDoubles(unwhitened));
                    assertEquals(0, d[0][3], 1e-9 * Math.abs(d[0][4]));
                }
            }
        }
    }

    private void whitened(Problems p) {
        try (Scratch scratch = new Scratch(backend)) {
            Whitening.of(backend, new Effort(backend), scratch, p.problem);
        }
    }

    @Test
    void indefiniteGramIsRefusedWithItsEigenvalues() {
        double[][] gram = {{1, 0}, {0, -0.5}};
        try (Problems p = Problems.of(backend, new double[][] {{1, 2}, {3, 4}, {5, 6}}, gram)) {
            CospadiException e = assertThrows(CospadiException.class, () -> whitened(p));
            assertTrue(e.getMessage().contains("-0.5"), e.getMessage());
        }
    }

    @Test
    void zeroGramAndZeroWeightAreRefused() {
        try (Problems p = Problems.of(backend, new double[][] {{1, 2}, {3, 4}}, new double[2][2]);
                Problems q = Problems.of(backend, new double[2][2], new double[][] {{1, 0}, {0, 1}})) {
            assertThrows(CospadiException.class, () -> whitened(p));
            assertThrows(CospadiException.class, () -> whitened(q));
        }
    }
}
