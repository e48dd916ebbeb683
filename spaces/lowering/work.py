"""What collects nodes and weights while a model is walked, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..graph import Node
from .activations import activation_kind
from .frozen import frozen_roles

if TYPE_CHECKING:
    import keras

Arrays = dict[str, NDArray[np.float32]]


_RESERVED = frozenset({
    "input", "main", "alignas", "alignof", "and", "asm", "auto", "bitand", "bitor", "bool", "break",
    "case", "catch", "char", "class", "compl", "const", "constexpr", "continue", "decltype",
    "default", "delete", "do", "double", "else", "enum", "explicit", "export", "extern", "false",
    "float", "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new",
    "noexcept", "not", "nullptr", "operator", "or", "private", "protected", "public", "register",
    "return", "short", "signed", "sizeof", "static", "struct", "switch", "template", "this",
    "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "xor",
})  # fmt: skip
"""Names that C++ has uses of its own for, and hls4ml two."""


class Lowering:
    """Collects nodes and weights while it walks the model in the order of computation."""

    def __init__(self, trained: frozenset[int] = frozenset()) -> None:
        """Begin; `trained` holds the `id` of every variable that Keras trains (`trained_variables`)."""
        self.trained = trained
        self.frozen: set[str] = set()
        """Tensor keys of the weights that training leaves as they are."""
        self.nodes: list[Node] = []
        self.weights: dict[str, Arrays] = {}
        self.outputs: tuple[str, ...] = ()
        self.arguments: Any = None
        """Keras's `SymbolicArguments` of the call that is being lowered."""
        self.read: tuple[bool, ...] = ()
        """Of each output of that call, whether anything reads it."""
        self.constants: dict[str, NDArray[np.float32]] = {}
        """Name -> what a layer gives whatever its input: no node, but the operand of a sum."""
        self.givers: dict[str, Any] = {}
        """Name of a constant -> the layer that gives it."""
        self.tensors: dict[str, Any] = {}
        """Node -> the Keras tensor that it computes."""
        self._names: set[str] = set()
        self._labels: dict[str, int] = {}
        self.home = 0
        """Identity of the model whose layer is being lowered."""

    def name(self, wanted: str) -> str:
        """Return `wanted` as a C identifier that is not taken yet."""
        base = re.sub(r"\W", "_", wanted)
        base = f"n_{base}" if base[:1].isdigit() or base in _RESERVED else base
        name, i = base, 1
        while name in self._names:
            i += 1
            name = f"{base}_{i}"
        self._names.add(name)
        return name

    def label(self, layer: Any) -> str:
        """Return what a layer is called in the study: its name, with a number where a layer of another model,
        within this one or around it, has it too.
        """
        label, i = str(layer.name), 1
        while self._labels.setdefault(label, self.home) != self.home:
            i += 1
            label = f"{layer.name}_{i}"
        return label

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of node `name`, without the batch axis."""
        return next(n.shape for n in self.nodes if n.name == name)

    def add(
        self,
        layer: keras.Layer,
        op: str,
        inputs: tuple[str, ...],
        shape: tuple[int, ...],
        *,
        name: str | None = None,
        weights: Arrays | None = None,
        **attrs: Any,
    ) -> str:
        """Append a node and return its name."""
        unique = self.name(name or layer.name)
        self.nodes.append(
            Node(name=unique, op=op, inputs=inputs, shape=tuple(shape), layer=self.label(layer), attrs=attrs)
        )
        if weights:
            self.weights[unique] = {k: np.asarray(v, np.float32) for k, v in weights.items()}
            roles = frozen_roles(self.trained, self._giver(layer), op, weights, attrs.get("part"))
            self.frozen |= {f"{unique}/{role}" for role in roles}
        return unique

    def reshape(
        self, layer: keras.Layer, source: str, shape: tuple[int, ...], *, name: str | None = None
    ) -> str:
        """Return node `source` in another shape of as many values: a node, or itself where it has it."""
        if self.shape(source) == tuple(shape):
            return source
        return self.add(layer, "reshape", (source,), shape, name=name)

    def _giver(self, layer: Any) -> Any:
        """Return the layer whose variables a node's weights come from: of a bare sum, the one that gives its
        constant.
        """
        if hasattr(layer, "weights") or self.arguments is None:
            return layer
        givers = list(self.givers.values())
        read = [tensor._keras_history.operation for tensor in self.arguments.keras_tensors]
        return next((one for one in read if any(one is giver for giver in givers)), layer)

    def constant(self, layer: keras.Layer, value: NDArray[np.float32]) -> str:
        """Keep what a layer gives whatever its input, and return its name."""
        name = self.name(layer.name)
        self.constants[name], self.givers[name] = value, layer
        return name

    def activation(self, layer: keras.Layer, function: Any, source: str, shape: tuple[int, ...]) -> str:
        """Append the activation `function` (a Keras function or quantizer) after node `source`."""
        kind, attrs = activation_kind(function)
        if kind == "linear" and not attrs:
            return source
        return self.add(layer, kind, (source,), shape, name=f"{layer.name}_{kind}", **attrs)


Handler = Callable[[Lowering, Any, tuple[str, ...], tuple[int, ...]], str]
"""One Keras layer's lowering: (work, layer, names of the nodes it reads, its output's shape) -> its node's
name.
"""
