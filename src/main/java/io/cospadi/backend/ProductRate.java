package io.cospadi.backend;

import io.cospadi.tensor.DType;

/** How fast a backend multiplies matrices, measured: what all that is made of products is a share of. */
public final class ProductRate {
    private static final int LEAST_ORDER = 1024;
    private static final int LARGEST_ORDER = 16384;

    private ProductRate() {}

    /** Operations per second of f32 matrix products so large that one takes a millisecond, the best of several. */
    public static double of(Backend backend) {
        return of(backend, DType.F32);
    }

    /** Likewise of products in F32 or F64. */
    public static double of(Backend backend, DType type) {
        for (int n = LEAST_ORDER; ; n *= 2) {
            double rate = of(backend, type, n);
            if (2.0 * n * n * n / rate > 1e-3 || n == LARGEST_ORDER) {
                return rate;
            }
        }
    }

    private static double of(Backend backend, DType type, int n) {
        double best = 0;
        try (Matrix a = backend.allocate(n, n, type);
                Matrix b = backend.allocate(n, n, type);
                Matrix c = backend.allocate(n, n, type)) {
            backend.fill(a, 1);
            backend.fill(b, 1);
            for (int i = 0; i < 8; i++) {
                backend.synchronize();
                long began = System.nanoTime();
                backend.gemm(1, a, false, b, false, 0, c);
                backend.synchronize();
                best = Math.max(best, 2.0 * n * n * n / (System.nanoTime() - began) * 1e9);
            }
        }
        return best;
    }
}
