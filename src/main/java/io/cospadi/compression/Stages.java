package io.cospadi.compression;

import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Projection;
import java.util.List;
import java.util.Map;

/** Carries out the stages of a job that compute, wherever that is done; what is there already is not made again. */
interface Stages {
    /** The Grams, and the gradients where the job needs them. */
    GramStore calibrate();

    /** Measures the curves that are missing. */
    void weigh(LossCurves curves, List<List<Projection>> groups, GramStore grams);

    /**
     * What the budget asks of every component of each projection's whitened weight, see {@link TaskWorker#components}; in the
     * order of {@code targeted}.
     */
    Map<Projection, double[]> components(List<Projection> targeted, GramStore grams);

    /** Makes the parts that are missing. */
    void factorize(Factorizing factorizing, GramStore grams);
}
