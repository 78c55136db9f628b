package io.cospadi.compression;

import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Projection;
import java.util.List;

/** Carries out the stages of a job that compute, wherever that is done; what is there already is not made again. */
interface Stages {
    /** The Grams, and the gradients where the job needs them. */
    GramStore calibrate();

    /** Weighs the groups that are missing. */
    void weigh(Weighed weighed, List<List<Projection>> groups, GramStore grams);

    /** Makes the parts that are missing. */
    void factorize(Factorizing factorizing, GramStore grams);
}
