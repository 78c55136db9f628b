package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.List;

/** A number for each scored position of many windows, in the backend's memory until all are there: nothing waits for one window's. */
final class PositionScores implements AutoCloseable {
    private final Backend backend;
    private final Matrix scores;
    /** Where each window's begin, and behind the last one the end. */
    private final int[] starts;

    PositionScores(Backend backend, List<ScoredWindow> windows) {
        this.backend = backend;
        starts = new int[windows.size() + 1];
        for (int i = 0; i < windows.size(); i++) {
            starts[i + 1] = Math.addExact(starts[i], windows.get(i).targets().length);
        }
        scores = backend.allocate(starts[windows.size()], 1, DType.F64);
    }

    /** The numbers of some positions of a window, (count, 1) F64; a view. */
    Matrix rows(int window, int first, int count) {
        return scores.rows(starts[window] + first, count);
    }

    /** All of them, window by window. */
    double[] values() {
        return backend.readDoubles(scores);
    }

    /**
     * Their sum, in order.
     *
     * @throws CospadiException naming the first window that holds a number that is not finite: what overflowed f32 somewhere would
     *                          otherwise end as a perplexity of NaN
     */
    double finiteSum() {
        double[] values = values();
        double sum = 0;
        for (int window = 0; window < starts.length - 1; window++) {
            for (int i = starts[window]; i < starts[window + 1]; i++) {
                sum += values[i];
            }
            if (!Double.isFinite(sum)) {
                throw new CospadiException("window " + window + ": the model's logits are not finite, expected numbers:"
                        + " activations overflowed f32; check the model's weights");
            }
        }
        return sum;
    }

    @Override
    public void close() {
        scores.close();
    }
}
