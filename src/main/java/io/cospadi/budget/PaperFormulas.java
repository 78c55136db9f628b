package io.cospadi.budget;

/**
 * The paper's own sizes for a ratio, which count words rather than bytes on disk; shown beside ours, used for nothing else.
 * For d1 = 4096, d2 = 12288, ratio 0.2, rho = 2 they give k = 3932, s = 1966 with 14-bit codes, and k = 3657, s = 1828 with
 * everything counted.
 *
 * @see <a href="https://arxiv.org/abs/2509.22075">CoSpaDi, storage accounting</a>
 */
public final class PaperFormulas {
    private PaperFormulas() {}

    /**
     * Atoms and codes a row.
     *
     * @param k {@code floor} of the formula
     * @param s {@code floor(k / rho)}
     */
    public record Size(int k, int s) {}

    /** 14-bit codes pay for the mask: {@code k = (1 − ratio) d1 d2 / (d1 + d2/rho)}. */
    public static Size fourteenBit(int d1, int d2, double ratio, double rho) {
        return size((1 - ratio) * d1 * d2 / (d1 + d2 / rho), rho);
    }

    /** 16-bit codes and a mask of k·d2/16 words: {@code k = (1 − ratio) d1 d2 / (d1 + d2/rho + d2/16)}. */
    public static Size full(int d1, int d2, double ratio, double rho) {
        return size((1 - ratio) * d1 * d2 / (d1 + d2 / rho + d2 / 16.0), rho);
    }

    /** {@code r = floor((1 − ratio) d1 d2 / (d1 + d2))}. */
    public static int lowRank(int d1, int d2, double ratio) {
        return (int) Math.floor((1 - ratio) * d1 * d2 / ((double) d1 + d2));
    }

    private static Size size(double k, double rho) {
        int atoms = (int) Math.floor(k);
        return new Size(atoms, (int) Math.floor(atoms / rho));
    }
}
