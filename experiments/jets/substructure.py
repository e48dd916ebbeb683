"""Sixteen high-level features of a jet, computed from its stored constituents.

The choice follows the 16 inputs of the jets benchmark of hls4ml (Duarte et al. 2018, arXiv:1804.06913, after
Coleman et al. 2017, arXiv:1709.08705), with N-subjettiness ratios in place of two repeated energy
correlations. With z = pT / sum of pT over the stored constituents, R the distance in (eta, phi), and sums
over distinct pairs i < j or triples i < j < k:

=====================  ========================================================================= `zlogz`
sum of z ln z `c1_b0`, `_b1`, `_b2`  C1 = e2(beta) = sum z_i z_j R_ij^beta, beta = 0, 1, 2 `c2_b1`, `_b2`
C2 = e3(beta) / e2(beta)^2, e3 = sum z_i z_j z_k (R_ij R_ik R_jk)^beta `d2_b1`, `_b2`         D2 = e3(beta) /
e2(beta)^3 `m2_b1`, `_b2`         M2 = 1e3(beta) / e2(beta), 1e3 as e3 with the smallest R of the triple only
`n2_b1`, `_b2`         N2 = 2e3(beta) / e2(beta)^2, 2e3 with the product of the two smallest R `tau21`,
`tau32`       tau_2 / tau_1 and tau_3 / tau_2, tau_N = sum z_i min_a R_ia / 0.8 `mass`                 GeV, of
the stored constituents as massless particles `multiplicity`         constituents of the whole jet, stored by
the generator =====================  =========================================================================

C: Larkoski, Salam and Thaler 2013 (arXiv:1305.0007); D2: Larkoski, Moult and Neill 2014 (arXiv:1409.6298); M2
and N2: Moult, Necib and Thaler 2016 (arXiv:1609.07483); tau: Thaler and Van Tilburg 2010 (arXiv:1011.2268),
with the axes of exclusive kT clustering and winner-takes-all recombination.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SUBSTRUCTURE = (
    "zlogz",
    "c1_b0",
    "c1_b1",
    "c1_b2",
    "c2_b1",
    "c2_b2",
    "d2_b1",
    "d2_b2",
    "m2_b1",
    "m2_b2",
    "n2_b1",
    "n2_b2",
    "tau21",
    "tau32",
    "mass",
    "multiplicity",
)
"""Names of the features, in the order of the columns."""


RADIUS = 0.8
BATCH = 1000


def substructure(X: NDArray[np.float32], jet: NDArray[np.float32]) -> Array:
    """Compute `SUBSTRUCTURE` for jets given as constituents.

    Args:
        X: shape (jets, constituents, 6), columns as in `generate.FEATURES`; padding is zero.
        jet: shape (jets, 4), columns as in `generate.JET_COLUMNS`.

    Returns:
        Shape (jets, 16), raw values (not logarithms, not standardised).
    """
    batches = [_features(X[i : i + BATCH].astype(np.float64)) for i in range(0, len(X), BATCH)]
    return np.column_stack([np.concatenate(batches), jet[:, 3].astype(np.float64)])


def constituent_mass(X: NDArray[np.float32]) -> Array:
    """Mass in GeV of the stored constituents, taken as massless; shape (jets,)."""
    pt = _transverse_momenta(X.astype(np.float64))
    i, j = np.triu_indices(X.shape[1], 1)
    eta, phi = X[:, i, 2] - X[:, j, 2], X[:, i, 3] - X[:, j, 3]
    squared: Array = 2 * np.sum(pt[:, i] * pt[:, j] * (np.cosh(eta) - np.cos(phi)), axis=1)
    return np.asarray(np.sqrt(squared))


def _transverse_momenta(X: Array) -> Array:
    """Return each constituent's pT in GeV, zero where padded: shape (jets, constituents)."""
    return np.where(X[..., 1] < 0, np.exp(X[..., 0]), 0.0)


def _features(X: Array) -> Array:
    """All features but the multiplicity, for one batch: shape (jets, 15)."""
    pt = _transverse_momenta(X)
    z = pt / pt.sum(1, keepdims=True)
    distance = np.hypot(X[:, :, None, 2] - X[:, None, :, 2], X[:, :, None, 3] - X[:, None, :, 3])
    i, j = np.triu_indices(z.shape[1], 1)
    pairs, pair_distance = z[:, i] * z[:, j], distance[:, i, j]
    a, b, c = np.array(list(combinations(range(z.shape[1]), 3))).T
    triples = z[:, a] * z[:, b] * z[:, c]
    sides = np.stack([distance[:, a, b], distance[:, a, c], distance[:, b, c]])
    sides.sort(axis=0)
    e2 = {beta: np.sum(pairs * pair_distance**beta, 1) for beta in (0, 1, 2)}
    # One, two or three of a triangle's sides, shortest first.
    products = {1: sides[0], 2: sides[0] * sides[1], 3: sides[0] * sides[1] * sides[2]}
    e3 = {
        (count, beta): np.sum(triples * product**beta, 1)
        for count, product in products.items()
        for beta in (1, 2)
    }
    tau1, tau2, tau3 = _subjettiness(z, X[..., 2], X[..., 3])
    return np.column_stack(
        [
            np.sum(z * np.log(np.where(z > 0, z, 1.0)), 1),
            *(e2[beta] for beta in (0, 1, 2)),
            *(_ratio(e3[3, beta], e2[beta] ** 2) for beta in (1, 2)),
            *(_ratio(e3[3, beta], e2[beta] ** 3) for beta in (1, 2)),
            *(_ratio(e3[1, beta], e2[beta]) for beta in (1, 2)),
            *(_ratio(e3[2, beta], e2[beta] ** 2) for beta in (1, 2)),
            _ratio(tau2, tau1),
            _ratio(tau3, tau2),
            constituent_mass(X.astype(np.float32)),
        ]
    )


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient, zero where the denominator is zero (a jet of one or two constituents)."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _subjettiness(z: Array, eta: Array, phi: Array) -> tuple[Array, Array, Array]:
    """tau_1, tau_2 and tau_3, each of shape (jets,), with axes from exclusive kT and winner-takes-all.

    All jets are clustered together: in each round a jet's pair of least min(z)^2 R^2 merges into the harder
    constituent's direction, so the survivors' directions are always those of original constituents.
    """
    original, momenta = z, z.copy()
    alive = z > 0
    distance = np.hypot(eta[:, :, None] - eta[:, None, :], phi[:, :, None] - phi[:, None, :])
    upper = np.triu(np.ones(distance.shape[1:], bool), 1)
    taus: dict[int, Array] = {}
    for survivors in range(z.shape[1], 0, -1):
        busy = np.flatnonzero(alive.sum(1) > survivors)
        if len(busy):
            softer = np.minimum(momenta[busy, :, None], momenta[busy, None, :])
            measure = (softer * distance[busy]) ** 2
            mergeable = alive[busy, :, None] & alive[busy, None, :] & upper
            best = np.where(mergeable, measure, np.inf).reshape(len(busy), -1).argmin(1)
            first, second = np.unravel_index(best, distance.shape[1:])
            first_wins = momenta[busy, first] >= momenta[busy, second]
            winner, loser = np.where(first_wins, first, second), np.where(first_wins, second, first)
            momenta[busy, winner] += momenta[busy, loser]
            alive[busy, loser] = False
        if survivors <= 3:
            nearest = np.where(alive[:, None, :], distance, np.inf).min(2)
            taus[survivors] = np.sum(original * nearest, 1) / RADIUS
    return taus[1], taus[2], taus[3]
