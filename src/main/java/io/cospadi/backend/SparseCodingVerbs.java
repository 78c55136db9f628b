package io.cospadi.backend;

/**
 * What sparse coding needs beyond dense products. Codes are dense (d2, k) F32 matrices, one output feature a row, whose
 * nonzeros are the support. "Largest" is by absolute value, ties to the lower column: the result is exact and the same
 * on every backend.
 */
public interface SparseCodingVerbs {
    /** Keeps the s largest entries of each row and zeroes the others; {@code 0 <= s <= cols}. */
    void keepLargest(Matrix matrix, int s);

    /**
     * Keeps the largest entries of every group of neighbouring columns of each row and zeroes the others: columns
     * {@code 0 .. group-1}, {@code group .. 2 group - 1} and so on. A last group of fewer columns keeps as many, or all it has.
     *
     * @param matrix (rows, cols) F32, updated
     * @param kept   entries of a group that stay, {@code 0 <= kept <= group}
     * @param group  columns of a group: 1, 2, 4, 8, 16 or 32
     */
    void keepLargestInGroups(Matrix matrix, int kept, int group);

    /** {@code out[i,j] <- values[i,j] where pattern[i,j] != 0, else 0}; out may be values. */
    void restrictTo(Matrix pattern, Matrix values, Matrix out);

    /** For every column (atom) of the codes, the rows in which it is not 0, ascending. */
    int[][] rowsUsing(Matrix codes);

    /**
     * One hard-thresholded gradient step with exact line search, row by row (docs: the `block` solver, solver step 4):
     * {@code step_i = (g_i · g_i) / (g_i · c_i)}, 0 where g_i is 0 or the denominator is not positive;
     * {@code codes_i <- the s largest of codes_i + step_i · residual_i}.
     *
     * @param codes     (d2, k), updated
     * @param residual  R (d2, k): correlation of every atom with every residual
     * @param gradient  g (d2, k): R on the support of codes
     * @param curvature c (d2, k): g M
     * @param s         entries kept in each row
     */
    void hardThresholdStep(Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int s);

    /**
     * The same, but the largest of every group stay, as {@link #keepLargestInGroups} has it.
     *
     * @param kept  entries of a group that stay, {@code 0 <= kept <= group}
     * @param group columns of a group: 1, 2, 4, 8, 16 or 32
     */
    void hardThresholdStepInGroups(
            Matrix codes, Matrix residual, Matrix gradient, Matrix curvature, int kept, int group);

    /**
     * Batch orthogonal matching pursuit on every row: s times, take the atom of largest absolute correlation with the
     * residual, refit all chosen coefficients by least squares (progressive Cholesky in Gram space). A row whose residual
     * correlation vanishes before s steps stops there.
     *
     * @param gram         M (k, k) F32, unit diagonal up to rounding; read only
     * @param correlations B (d2, k) F32: correlation of each signal with each atom; read only
     * @param s            {@code 1 <= s <= k}
     * @param codes        (d2, k) F32, overwritten
     * @see "Rubinstein, Zibulevsky, Elad: Efficient Implementation of the K-SVD Algorithm using Batch-OMP, CS-2008-08"
     */
    void orthogonalMatchingPursuit(Matrix gram, Matrix correlations, int s, Matrix codes);

    /**
     * One step of conjugate gradients on {@code C M = B}, row by row, every direction masked to the row's support:
     *
     * <pre>
     *   q &lt;- image where support is not 0, else 0
     *   step &lt;- energy / (direction · q);  codes &lt;- codes + step direction;  residual &lt;- residual − step q
     *   direction &lt;- residual + (residual · residual / energy) direction;  energy &lt;- residual · residual
     * </pre>
     *
     * A quotient is 0 where its denominator is not positive.
     *
     * @param support   (d2, k) F32, read only
     * @param image     direction M, (d2, k) F32, undefined afterwards
     * @param codes     C (d2, k) F32, updated
     * @param residual  B − C M on the support, 0 elsewhere, (d2, k) F32, updated
     * @param direction (d2, k) F32, at first the residual, updated
     * @param energy    (1, d2) F32, squared norms of the residual's rows, updated
     */
    void conjugateGradientStep(
            Matrix support, Matrix image, Matrix codes, Matrix residual, Matrix direction, Matrix energy);

    /** Atoms that {@link #sweepCodes} takes at once. */
    int MOST_SWEPT_ATOMS = 64;

    /**
     * A Gauss–Seidel sweep over the codes of a few atoms on the support they have, all signals side by side: for j ascending
     *
     * <pre>
     *   x[j,i] &lt;- (x[j,i] − sum over l &lt; j of gram[j,l] x[l,i]) / gram[j,j]
     *   where support[j,i] is not 0 and gram[j,j] &gt; 0, else 0
     * </pre>
     *
     * With x the correlations of the atoms with the residuals, the results are the changes of the codes when one atom after the
     * other is fitted to what those before it leave.
     *
     * @param gram    products of the atoms (b, b) F32, {@code b <= } {@value #MOST_SWEPT_ATOMS}; its lower triangle is read
     * @param support (b, n) F32: an atom a row, a signal a column; read only
     * @param changes x (b, n) F32, updated
     */
    void sweepCodes(Matrix gram, Matrix support, Matrix changes);

    /**
     * Scales the atoms to unit norm and the codes inversely: with n_i the norm of row i of D, row i of D and of a second
     * dictionary is divided by n_i, column i of the codes multiplied. Where n_i is 0, all three become 0.
     *
     * @param dictionary D (k, r) F32, updated
     * @param previous   (k, r) F32, updated
     * @param codes      C (d2, k) F32, updated
     */
    void normalizeAtoms(Matrix dictionary, Matrix previous, Matrix codes);

    /** {@code out <- (1 + relaxation) fitted − relaxation · previous}, F32; out may be one of the two. */
    void extrapolate(double relaxation, Matrix fitted, Matrix previous, Matrix out);

    /**
     * Atoms that no code uses take the rows of the target that are coded worst: the unused atoms, ascending, the rows by their
     * error, the largest first, equal ones by row, NaN last. Each such row is from now on coded by its own atom alone, exactly.
     * Where there are more such atoms than rows, the last atoms stay.
     *
     * @param usage      (1, k) F32, read only; an atom is unused where it is not greater than 0
     * @param rowErrors  (1, d2) F64, read only
     * @param target     Y (d2, r) F32, read only
     * @param codes      C (d2, k) F32, updated
     * @param dictionary D (k, r) F32, updated
     * @param previous   (k, r) F32 that gets the same atoms, or the dictionary once more
     * @param replaced   scalar, (1, 1) F64, raised by how many atoms were replaced
     */
    void replaceUnused(
            Matrix usage,
            Matrix rowErrors,
            Matrix target,
            Matrix codes,
            Matrix dictionary,
            Matrix previous,
            Matrix replaced);

    /**
     * K-SVD's update of one atom after the other by power iterations. For each atom d that rows use, with its codes c on these
     * rows I:
     *
     * <pre>
     *   F = E[I] + c dᵀ
     *   iterations times:  d &lt;- FᵀF d / ‖FᵀF d‖, or 0 where FᵀF d is 0
     *   c &lt;- F d,  E[I] &lt;- F − c dᵀ
     * </pre>
     *
     * @param residual   E (d2, r) F32 = Y − C D, updated
     * @param dictionary D (k, r) F32; atoms that no row uses stay
     * @param codes      C (d2, k) F32, updated where they are not 0
     * @param s          nonzeros of a row of C, at most
     * @param iterations 1 or more
     * @see "Aharon, Elad, Bruckstein: K-SVD, IEEE Trans. Signal Processing 54(11), 2006"
     */
    void updateAtoms(Matrix residual, Matrix dictionary, Matrix codes, int s, int iterations);
}
