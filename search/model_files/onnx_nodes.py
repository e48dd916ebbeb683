"""An operation of an ONNX graph as the readers see it: its inputs, tensors and constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from bitfront.spaces import UserError

from .channels_first import Builder, Held


@dataclass(frozen=True)
class Whole:
    """A tensor that was rounded to whole numbers, which a DequantizeLinear is to scale back."""

    held: Held
    scale: Any
    zero: Any


Value = Held | Whole | NDArray[Any]
"""A tensor of the model, one of whole numbers, or a constant."""


@dataclass
class Work:
    """What the operations share: the layers' builder, and the values of the graph by name."""

    build: Builder
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """An operation of the graph: its class, what it reads and its attributes."""

    kind: str
    domain: str
    name: str
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]

    @property
    def held(self) -> Held:
        """Its first input, a tensor."""
        found = self.inputs[0]
        if not isinstance(found, Held):
            raise UserError(f"{self.name!r} ({self.kind}) reads a constant where a tensor is expected")
        return found

    def constant(self, place: int, default: Any = None) -> Any:
        """Return an input that must be known, or the default where it isn't given.

        Raises:
            UserError: when it is a tensor of the model.
        """
        found = self.inputs[place] if place < len(self.inputs) else None
        if found is None:
            return default
        if isinstance(found, Held):
            raise UserError(f"{self.name!r} ({self.kind}) reads a tensor where only a constant can be built")
        return found
