package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.Precision;
import io.cospadi.quantization.SupportRounding;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import java.util.List;

/** Rounds fitted codes to what is stored: 14 or 16 bits of a single each by itself, or levels by {@link SupportRounding}. */
final class CodeRounding {
    private final Backend backend;
    private final Effort effort;
    private final Precision precision;

    CodeRounding(Backend backend, Effort effort, Precision precision) {
        this.backend = backend;
        this.effort = effort;
        this.precision = precision;
    }

    /**
     * Codes as they are stored.
     *
     * @param scales of levels, bf16 patterns (d2, groups), else empty
     */
    record Rounded(Codes codes, short[] scales) {}

    /**
     * Rounds.
     *
     * @param codes        best fit on their support, or near it; not modified
     * @param gram         M (k, k) F32, of the stored atoms, read only
     * @param correlations B (d2, k) F32, read only
     * @throws ArithmeticException if a code is not finite
     */
    Rounded round(Codes codes, Matrix gram, Matrix correlations) {
        if (precision.valueLevels()) {
            SupportRounding rounding = new SupportRounding(
                    backend, codes.k(), backend.readFloats(gram), precision.valueBits(), precision.groupSize());
            float[] residuals = residuals(codes, gram, correlations);
            SupportRounding.Rounded rounded = rounding.round(codes, residuals);
            return new Rounded(rounded.codes(), rounded.scales());
        }
        float[] fitted = codes.values();
        float[] values = new float[fitted.length];
        backend.onHost(codes.rows(), row -> {
            for (int p = row * codes.s(); p < (row + 1) * codes.s(); p++) {
                values[p] = precision.valueBits() == 16 ? Bfloat16.round(fitted[p]) : CodePacking.round14(fitted[p]);
            }
        });
        return new Rounded(codes.withValues(values), new short[0]);
    }

    /** {@code B - C M} (d2, k). */
    private float[] residuals(Codes codes, Matrix gram, Matrix correlations) {
        try (Scratch scratch = new Scratch(backend);
                Matrix dense = StoredForm.upload(backend, codes)) {
            Matrix residuals = scratch.f32(correlations);
            effort.gemm(-1, scratch.f32(dense), false, gram, false, 1, residuals);
            return backend.readFloats(residuals);
        }
    }

    /** The codes of several projections, one after the other. */
    static Rounded joined(List<Rounded> parts) {
        Rounded first = parts.get(0);
        if (parts.size() == 1) {
            return first;
        }
        int m = parts.size();
        int rows = first.codes.rows();
        int[] atoms = new int[Math.multiplyExact(m, first.codes.atoms().length)];
        float[] values = new float[atoms.length];
        short[] scales = new short[m * first.scales.length];
        for (int l = 0; l < m; l++) {
            Rounded part = parts.get(l);
            int stored = atoms.length / m;
            System.arraycopy(part.codes.atoms(), 0, atoms, l * stored, stored);
            System.arraycopy(part.codes.values(), 0, values, l * stored, stored);
            System.arraycopy(part.scales, 0, scales, l * first.scales.length, first.scales.length);
        }
        return new Rounded(new Codes(m * rows, first.codes.k(), first.codes.s(), atoms, values), scales);
    }
}
