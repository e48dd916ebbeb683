"""The home of each operation: one object knows its tensors, precision, layers, cost, zeros, support and RTL.

`OPERATIONS` is what the entry-point group `bitfront.operations` offers for bitfront itself; see
docs/how-to-layers.md for adding one, here or in a package of your own.
"""

from . import (
    activation,
    einsum,
    embedding,
    linear,
    lookup,
    merge,
    moving,
    normalization,
    pooling,
    prelu,
    recurrent,
    views,
)
from .base import BaseOperation, Elementwise
from .lookup import LookupActivation

OPERATIONS = tuple(
    one
    for module in (
        moving, views, linear, recurrent, normalization, activation, prelu, lookup, einsum, embedding, merge,
        pooling,
    )
    for one in module.OPERATIONS
)  # fmt: skip
"""Every operation of bitfront's."""

__all__ = ["OPERATIONS", "BaseOperation", "Elementwise", "LookupActivation"]
