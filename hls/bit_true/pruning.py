"""Which weights matter least: kernels with a share of their weights zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Weights

from ..operation import operation


def pruned(graph: Graph, weights: Weights, share: float) -> Weights:
    """Return weights of which this share, over all kernels together, is zero: those that matter least.

    Kernels are the arrays of two and more dimensions, biases stay. A kernel whose weights are alike, or few,
    loses fewer (see `scores`); one of a convolution, which has a product at every position, more. Of a frozen
    one none is lost that isn't zero already, so that the others lose more of theirs.
    """
    kernels = [(node, role) for node, roles in weights.items() for role, a in roles.items() if np.ndim(a) > 1]
    masks = kept(
        [np.asarray(weights[node][role]) for node, role in kernels],
        share,
        [_positions(graph, node) for node, _ in kernels],
        frozen=[f"{node}/{role}" in graph.frozen for node, role in kernels],
    )
    found = {node: dict(roles) for node, roles in weights.items()}
    for (node, role), mask in zip(kernels, masks, strict=True):
        found[node][role] = np.where(mask, found[node][role], 0.0).astype(np.float32)
    return found


def is_kernel(role: str) -> bool:
    """Whether a role's array holds factors of products rather than summands."""
    return role.endswith("weight")


def zero_share(weights: Weights) -> float:
    """Return the share of zeros among the weights of all kernels."""
    kernels = [a for roles in weights.values() for a in roles.values() if np.ndim(a) > 1]
    zeros = sum(a.size - np.count_nonzero(a) for a in map(np.asarray, kernels))
    return float(zeros / max(1, sum(np.size(a) for a in kernels)))


def _positions(graph: Graph, node: str) -> int:
    """Return how many products each weight of a kernel has in a design."""
    return operation(graph[node].op).products(graph[node])


def kept(
    kernels: Sequence[NDArray[np.floating]],
    share: float,
    products: Sequence[int],
    frozen: Sequence[bool] | None = None,
) -> list[NDArray[np.bool_]]:
    """Return what stays of each kernel when this share of all weights is dropped, the least scores first.

    All that isn't zero stays of a `frozen` one.

    Scores are over the root of the products that a weight has: half way to what a product is worth, since the
    few weights of a first convolution are all that a network sees.
    """
    found = [scores(kernel) / math.sqrt(count) for kernel, count in zip(kernels, products, strict=True)]
    for one, kernel, stays in zip(found, kernels, frozen or [False] * len(found), strict=True):
        if stays:
            one[np.asarray(kernel) != 0] = np.inf
    every = np.concatenate([one.ravel() for one in found]) if found else np.zeros(0)
    dropped = min(int(share * len(every)), int(np.isfinite(every).sum()))
    mask = np.ones(len(every), bool)
    mask[np.argsort(every, kind="stable")[:dropped]] = False
    ends = np.cumsum([one.size for one in found])[:-1]
    return [part.reshape(one.shape) for part, one in zip(np.split(mask, ends), found, strict=True)]


def scores(kernel: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each weight's square over the sum of the squares that are no smaller, of one kernel.

    Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021 (LAMP): scores of
    different kernels compare, and the largest weight of each has 1.
    """
    squares = np.asarray(kernel, np.float64).ravel() ** 2
    order = np.argsort(squares, kind="stable")
    above = np.cumsum(squares[order][::-1])[::-1]
    found = np.zeros(len(squares))
    found[order] = np.divide(squares[order], above, out=np.zeros(len(squares)), where=above > 0)
    return found.reshape(np.shape(kernel))
