"""Weights of a candidate as the arrays of one `.npz`: `node/role` names each."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from bitfront.spaces import Weights


def as_arrays(weights: Weights) -> dict[str, Any]:
    """Return the arrays by `node/role`."""
    return {f"{node}/{role}": array for node, roles in weights.items() for role, array in roles.items()}


def from_arrays(arrays: Mapping[str, Any]) -> Weights:
    """Return what `as_arrays` took apart; a name without a slash is no weight."""
    found: dict[str, dict[str, Any]] = {}
    for name in arrays:
        node, slash, role = name.rpartition("/")
        if slash:
            found.setdefault(node, {})[role] = arrays[name]
    return found


def packed(weights: Weights) -> bytes:
    """Return the weights as the content of a `.npz` file; equal weights give equal bytes."""
    stored = io.BytesIO()
    np.savez_compressed(stored, **as_arrays(weights))
    return stored.getvalue()
