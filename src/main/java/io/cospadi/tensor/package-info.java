/**
 * Values without algorithms: element types, conversions to numbers of few bits, host matrices and sparse codes.
 *
 * <p>One convention everywhere: a stored tensor is {@code (out, in)}, row-major. A projection's weight is therefore
 * kept as {@code (d2, d1)}, which is the transpose of the paper's W; its dictionary as {@code (k, d1)}, one atom a row;
 * its codes as {@code (d2, k)}, one output feature a row.
 */
package io.cospadi.tensor;
