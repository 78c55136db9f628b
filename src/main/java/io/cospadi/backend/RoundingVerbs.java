package io.cospadi.backend;

/**
 * Numbers in few bits, where they are: the top bits of singles ({@link io.cospadi.tensor.TopBits}), and levels of 3 to 8 bits with a
 * scale for each group of neighbours ({@link io.cospadi.tensor.LevelGrid}). Levels and scales are bf16 numbers in F32 matrices; a
 * group with a value that has no finite level gets the scale NaN.
 */
public interface RoundingVerbs {
    /** Every element, F32 or F64, becomes the nearest single that has only so many top bits, 10 to 31; F64 is rounded to single first. */
    void keepTopBits(Matrix matrix, int bits);

    /**
     * The scales of least square error for groups of each column, {@link io.cospadi.tensor.LevelGrid#scaleFor}.
     *
     * @param values    (n, m) F64, read only
     * @param groupSize elements of a column that share a scale, the last ones perhaps fewer; 0: all of it
     * @param scales    (groups, m) F32, overwritten
     */
    void chooseScales(Matrix values, int groupSize, int bits, Matrix scales);

    /** Rows that {@link #roundWithFeedback} takes at once. */
    int MOST_FED_ROWS = 64;

    /**
     * Rounds columns to levels from the last element to the first, each taking in what those behind it lost: for j descending
     *
     * <pre>
     *   levels_j &lt;- the level nearest to wanted_j + Σ_{i &gt; j} e_i feedback[i, from + j]
     *   values_j &lt;- e_j = values_j − levels_j
     * </pre>
     *
     * @param values   (b, m) F64, {@code b <= } {@value #MOST_FED_ROWS}, updated
     * @param wanted   (b, m) F64, the values and what was fed into them from elsewhere; undefined afterwards
     * @param feedback (b, n) F64, of whose columns from .. from + b - 1 those before the row's own are read
     * @param scales   (1, m) F32, read only
     * @param levels   (b, m) F32, overwritten
     * @see io.cospadi.quantization.FeedbackRounding
     */
    void roundWithFeedback(
            Matrix values, Matrix wanted, Matrix feedback, int from, int bits, Matrix scales, Matrix levels);

    /**
     * Where codes are stored: 1 where they are not 0, and, in a group of neighbouring columns with fewer of these than are kept, at
     * the lowest others, so that each group has as many; 0 elsewhere. Where it has more, the lowest of them.
     *
     * @param codes   (d2, k) F32, read only
     * @param kept    positions of a group, {@code 0 <= kept <= group}
     * @param group   columns of a group, of which k is a multiple
     * @param support (d2, k) F32, overwritten
     */
    void markStored(Matrix codes, int kept, int group, Matrix support);

    /**
     * Rounds codes C to levels on their support, so that {@code tr(C M Cᵀ) − 2 tr(B Cᵀ)} stays small, M the products of the atoms and B
     * their correlations with what is to be fitted: each row by sweeps over its codes, every one moved to the level that is best
     * with all others as they are. In the first sweep the others are rounded already or still real, so that each takes in what
     * those before it lost; the following ones only lower the objective, until no code changes, or {@value #MOST_SWEEPS} times. The
     * scales are those of the codes as they come. A sweep costs {@code 2 s k} operations a row.
     *
     * <p>Rounding with feedback on every row's own {@code M[support, support]} would cost {@code s³ / 3} and ends higher: on random
     * dictionaries (k 300, s 150, 3 to 8 bits) it kept 48 to 80 % of plain rounding's error, ten sweeps 45 to 74 %, and ten sweeps
     * from its result no less.
     *
     * @param gram      M (k, k) F32, symmetric, read only
     * @param support   (d2, k) F32, not 0 at exactly s positions of each row; read only
     * @param residuals {@code B − C M} (d2, k) F32, of the rounded codes afterwards
     * @param codes     C (d2, k) F32, best fit on the support, or near it; updated on the support
     * @param s         {@code 1 <= s <= k}; a device whose blocks have little shared memory refuses more than 24,000
     * @param groupSize codes of a row that share a scale, in the order of atoms, the last ones perhaps fewer; 0: all of a row
     * @param scales    (d2, groups) F32, overwritten
     * @see <a href="https://arxiv.org/abs/2406.17542">CDQuant</a>
     */
    void roundOnSupport(
            Matrix gram, Matrix support, Matrix residuals, Matrix codes, int s, int groupSize, int bits, Matrix scales);

    /** Sweeps over a row's codes. */
    int MOST_SWEEPS = 16;
}
