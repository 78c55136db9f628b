"""Orthogonal matching pursuit by scikit-learn, as a reference for the backend's.

Writes JSON: a list of cases, each with the Gram matrix (k x k), the correlations of the signals (one signal a row), the
signals' squared norms, s, and what orthogonal_mp_gram makes of them: the support of each signal (ascending), the coefficients
on it, and the squared error that is left. Gram and correlations are rounded to f32 first, so that both sides read the same
numbers. Signals are sparse combinations with coefficients 1, 0.7, 0.49, ... plus a little noise, so the choice at each step
is clear: the smallest margin between the best and the second-best correlation is printed, and kept in the file.

    python src/test/python/make_omp_fixtures.py src/test/resources/fixtures/omp/cases.json

Needs numpy and scikit-learn; made with numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json
import pathlib
import sys

import numpy as np
from sklearn.linear_model import orthogonal_mp_gram


def smallest_margin(gram, correlations, s):
    """Least relative gap between the largest and the second-largest correlation over the first s steps of every signal."""
    margin = np.inf
    for b in correlations:
        chosen = []
        residual = b.copy()
        for _ in range(s):
            size = np.abs(residual)
            size[chosen] = 0
            order = np.argsort(-size)
            margin = min(margin, (size[order[0]] - size[order[1]]) / size[order[0]])
            chosen.append(int(order[0]))
            x = np.linalg.solve(gram[np.ix_(chosen, chosen)], b[chosen])
            residual = b - gram[:, chosen] @ x
    return float(margin)


def case(name, rng, k, d, rows, s, coherence):
    atoms = rng.standard_normal((k, d))
    atoms += coherence * rng.standard_normal(d)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    signals = np.zeros((rows, d))
    for i in range(rows):
        support = rng.permutation(k)[:s]
        signs = rng.choice([-1.0, 1.0], s)
        signals[i] = (signs * 0.7 ** np.arange(s)) @ atoms[support] + 1e-3 * rng.standard_normal(d)
    gram = (atoms @ atoms.T).astype(np.float32).astype(np.float64)
    correlations = (signals @ atoms.T).astype(np.float32).astype(np.float64)
    norms = (signals**2).sum(1)
    codes = orthogonal_mp_gram(gram, correlations.T, n_nonzero_coefs=s, copy_Gram=True, copy_Xy=True).T
    supports = [np.flatnonzero(row).tolist() for row in codes]
    assert all(len(support) == s for support in supports)
    # |x - D c|^2 = |x|^2 - 2 c.b + c.M c
    errors = norms - 2 * (codes * correlations).sum(1) + np.einsum("ij,jk,ik->i", codes, gram, codes)
    margin = smallest_margin(gram, correlations, s)
    print(f"{name}: smallest margin {margin:.2e}")
    return {
        "name": name,
        "k": k,
        "s": s,
        "smallestMargin": margin,
        "gram": gram.ravel().tolist(),
        "correlations": correlations.ravel().tolist(),
        "squaredNorms": norms.tolist(),
        "supports": supports,
        "coefficients": [row[support].tolist() for row, support in zip(codes, supports)],
        "errors": errors.tolist(),
    }


def main():
    rng = np.random.default_rng(42)
    cases = [
        case("nearly orthogonal atoms", rng, 16, 64, 6, 5, 0.0),
        case("coherent atoms", rng, 20, 40, 6, 6, 0.4),
        case("more atoms than dimensions", rng, 30, 20, 6, 7, 0.0),
    ]
    out = pathlib.Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(cases, indent=0).replace("\n", "") + "\n")


if __name__ == "__main__":
    main()
