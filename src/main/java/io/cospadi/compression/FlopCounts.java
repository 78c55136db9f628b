package io.cospadi.compression;

import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.SolverSettings;

/**
 * Floating-point operations of a job's parts, from shapes alone, two to a multiply-add. Only what grows with a product of
 * three sizes is counted; an operation in f64 counts twice, because it runs at half the rate. These steer the estimate of
 * time and nothing else.
 */
final class FlopCounts {
    private FlopCounts() {}

    /**
     * Calibration of one layer: the forward pass of {@code tokens} tokens in windows of {@code window}, and the Grams of its
     * four input sites in f64 ({@code d²} a token for one triangle).
     */
    static double calibration(ModelConfig config, int layer, long tokens, int window) {
        double grams = 0;
        for (InputSite site : InputSite.values()) {
            double width = siteWidth(config, layer, site);
            grams += 2 * width * width;
        }
        return tokens * (forward(config, layer, window) + grams);
    }

    /** One token through one layer. */
    private static double forward(ModelConfig config, int layer, int window) {
        double forward = 0;
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = config.projection(layer, type);
            forward += 2.0 * projection.d1() * projection.d2();
        }
        double seen = Math.min(window, config.slidingWindow()[layer]) / 2.0;
        return forward + 4.0 * seen * config.heads() * config.headDim();
    }

    /**
     * Gradients of {@code tokens} tokens: each layer forward, again, and back (attention back costs two and a half times its
     * forward pass, all else once), and the head there and back.
     */
    static double gradients(ModelConfig config, long tokens, int window) {
        double flops = 4.0 * config.hiddenSize() * config.vocabSize();
        for (int layer = 0; layer < config.layers(); layer++) {
            double seen = Math.min(window, config.slidingWindow()[layer]) / 2.0;
            flops += 3 * forward(config, layer, window) + 6.0 * seen * config.heads() * config.headDim();
        }
        return tokens * flops;
    }

    /**
     * The passes of {@code tokens} tokens through a model that is compressed on the way: twice through each layer, and the Grams
     * of its sites; with the dense model beside it once through that, and what sets the inputs of both apart. 0 where nothing
     * propagates.
     */
    static double propagation(ModelConfig config, Propagation propagation, long tokens, int window) {
        if (!propagation.sequential()) {
            return 0;
        }
        boolean both = propagation == Propagation.COMPRESSED;
        double flops = 0;
        for (int layer = 0; layer < config.layers(); layer++) {
            flops += (both ? 3 : 2) * forward(config, layer, window);
            for (InputSite site : InputSite.values()) {
                double width = siteWidth(config, layer, site);
                flops += (both ? 4 : 2) * width * width;
            }
        }
        return tokens * flops;
    }

    /** A forward pass of {@code tokens} tokens with the head. */
    static double evaluation(ModelConfig config, long tokens, int window) {
        double flops = 2.0 * config.hiddenSize() * config.vocabSize();
        for (int layer = 0; layer < config.layers(); layer++) {
            flops += forward(config, layer, window);
        }
        return tokens * flops;
    }

    /** Columns of an input site. */
    static int siteWidth(ModelConfig config, int layer, InputSite site) {
        for (ProjectionType type : ProjectionType.values()) {
            if (type.site() == site) {
                return config.projection(layer, type).d1();
            }
        }
        throw new IllegalArgumentException("no projection reads " + site);
    }

    /**
     * Factorisation of one projection.
     *
     * @param k atoms, or the rank of a low-rank method
     * @param s nonzeros a row; 0 for a low-rank method
     */
    static double factorization(SolverSettings settings, int d1, int d2, int k, int s) {
        double once = 4.0 * d1 * d1 * d2 * 2 + 4.0 * d1 * d2 * (double) k;
        return once + start(settings, d1, d2, k) + settings.rounds() * round(settings, d1, d2, k, s);
    }

    /**
     * What a dictionary shared by m projections takes beyond the factorisation of their stacked weights, where each counts under
     * its own Gram: in every round, the atoms under each Gram and the products of its conjugate gradients.
     */
    static double sharing(SolverSettings settings, int d1, int k, int m) {
        double products = (double) k * d1 * d1 + (double) k * k * d1;
        return 2.0 * m * products * (6 * settings.rounds() + 2 * 20);
    }

    /** Whatever comes before the rounds: an eigendecomposition and a few Procrustes rounds, or the whole of an SVD. */
    private static double start(SolverSettings settings, int d1, int d2, int k) {
        double n = Math.min(d1, d2);
        double decomposition = 2 * 9.0 * n * n * n;
        return switch (settings.method()) {
            case SVD, SVD_LLM, ASVD, KFAC_SVD, ZERO_SUM_SVD, BASIS_SHARING ->
                decomposition + 4.0 * d1 * d2 * (double) k;
            case COMPOT -> decomposition;
            case RTN -> 0;
            case GPTQ -> 2.0 * d1 * d1 * d2 + (double) d1 * d1 * d1 / 3;
            case COSPADI ->
                decomposition
                        + 4
                                * round(
                                        SolverSettings.defaults(
                                                io.cospadi.factorization.Method.COMPOT, settings.solver()),
                                        d1,
                                        d2,
                                        k,
                                        0);
        };
    }

    private static double round(SolverSettings settings, int d1, int d2, int k, int s) {
        double n = Math.min(d1, d2);
        double products = 2.0 * d1 * d2 * k;
        return switch (settings.method()) {
            case SVD, SVD_LLM, ASVD, KFAC_SVD, ZERO_SUM_SVD, BASIS_SHARING, RTN, GPTQ -> 0;
            case COMPOT -> 2 * products + 2 * 9.0 * Math.min(n, k) * Math.min(n, k) * Math.min(n, k);
            case COSPADI ->
                switch (settings.solver()) {
                    case BLOCK -> blockRound(d1, d2, k);
                    case KSVD ->
                        pursuit(settings, d1, d2, k, s) + (4.0 * settings.powerIterations() + 4) * d1 * d2 * (double) s;
                    case KSVD_EXACT -> pursuit(settings, d1, d2, k, s) + 60.0 * d1 * d2 * (double) s;
                    case KSVD_BLOCKED -> pursuit(settings, d1, d2, k, s) + 4 * products;
                    case MOD -> pursuit(settings, d1, d2, k, s) + 2.0 * k * k * d2 + products + (double) k * k * k / 3;
                };
        };
    }

    /**
     * {@code 2 (2 d1 k d2 + 3 k² d2 + d1² k) + 4 d1 k² + k³/3}; where d1 > d2 the loop runs on the (d2, d2) problem, so d2
     * takes d1's place.
     */
    private static double blockRound(int d1, int d2, int k) {
        double n = Math.min(d1, d2);
        double kk = (double) k * k;
        return 2 * (2 * n * k * (double) d2 + 3 * kk * d2 + n * n * k) + 4 * n * kk + kk * k / 3;
    }

    private static double pursuit(SolverSettings settings, int d1, int d2, int k, int s) {
        return switch (settings.pursuit()) {
            case EXACT -> omp(d1, d2, k, s);
            case STAGED -> 2.0 * d1 * k * ((double) k + d2) + Pursuit.STAGED_PRODUCTS * 2.0 * d2 * k * k;
        };
    }

    /** Batch OMP: its Gram and correlations, then {@code k s²} of updates and a progressive Cholesky a signal. */
    private static double omp(int d1, int d2, int k, int s) {
        return 2.0 * d1 * k * ((double) k + d2) + d2 * ((double) k * s * s + 2.0 / 3 * s * s * s);
    }
}
