"""One model a study: bit-true to the firmware, traced once, with every precision in a variable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Rounding, UserError, Weights

from ..operation import Settings, operation
from ..precision.elements import Ranges, has_elements, narrowable
from ..precision.resolve import FLOAT64_MANTISSA, Calibration, mantissa_bits
from .base import BitTrueLayer
from .compiled import Compiled
from .quantizer import Mode, VariableFixedPoint

Arrays = Sequence[NDArray[np.floating]]
FLOAT32_MANTISSA = 24
"""Bits up to which a float32 holds every integer."""
SAMPLES = 4096
"""Values a tensor keeps from calibration, for the choice of integer bits by least squared error."""


class BitTrue:
    """Computes a graph as the firmware does, for any precision, without being traced again.

    Scores are computed in float32 where that is exact for the assigned types and in float64 otherwise, so
    each of the two is traced at most once. Lifecycle: `calibrate`, then per candidate `assign` and `predict`
    or train with the variables of `trainable`.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        table_size: int = 1024,
        narrow_accumulators: frozenset[str] = frozenset(),
        batch_size: int = 2048,
        rounding: Rounding = "RND_CONV",
    ) -> None:
        """Build the layers of `graph`.

        `table_size`: entries of sigmoid and tanh tables. `narrow_accumulators`: names of the nodes whose
        accumulator may be narrower than lossless (slower). `batch_size`: samples a step of `predict`.
        `rounding`: that of results, as in the types that will be assigned.
        """
        self.graph, self.mode, self.batch_size = graph, Mode(rounding=rounding), batch_size
        self.table_size, self.narrow_accumulators = table_size, narrow_accumulators
        self.layers: dict[str, BitTrueLayer] = {
            node.name: build_layer(graph, node, self.mode, table_size, node.name in narrow_accumulators)
            for node in graph
        }
        self._quantizers = [
            (f"{name}/{role}", q)
            for name, layer in self.layers.items()
            for role, q in layer.quantizers.items()
        ]
        self.traces: dict[str, int] = {}
        self._traced: dict[str, Callable[..., Any]] = {}
        self._compiled: dict[str, Compiled] = {}
        self._float64 = self._elements = False
        self.types: dict[str, FixedPoint] = {}

    # -- variables -------------------------------------------------------------------------------------------

    @property
    def variables(self) -> dict[str, Any]:
        """Tensor key -> variable that holds its float weights, in network order."""
        return {
            f"{name}/{role}": v for name, layer in self.layers.items() for role, v in layer.variables.items()
        }

    @property
    def trainable(self) -> list[Any]:
        """Every variable of weights, in network order; which of them are trained `Graph.frozen` says."""
        return list(self.variables.values())

    @property
    def quantizers(self) -> dict[str, VariableFixedPoint]:
        """Tensor key -> what rounds it, in network order."""
        return dict(self._quantizers)

    def weights(self) -> Weights:
        """Return the float weights as they are now."""
        return {
            name: {role: np.asarray(v) for role, v in layer.variables.items()}
            for name, layer in self.layers.items()
            if layer.variables
        }

    def restore(self, weights: Weights) -> None:
        """Set the float weights.

        Raises:
            UserError: when a weight is missing or has another shape.
        """
        values = []
        for name, layer in self.layers.items():
            for role, variable in layer.variables.items():
                value = np.asarray(weights.get(name, {}).get(role, ()), np.float32)
                if value.shape != tuple(variable.shape):
                    raise UserError(
                        f"The weights of {name}/{role} have shape {value.shape}, the model needs "
                        f"{tuple(variable.shape)}."
                    )
                values.append(value)
        self._run("restore", _assign_all(self.trainable), *map(tf.constant, values))

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Take over the types of a candidate (`resolve`).

        Raises:
            UserError: when no float type is exact for them.
        """
        bits = mantissa_bits(self.graph, dict(types))
        if bits > FLOAT64_MANTISSA:
            raise UserError(
                f"This candidate needs {bits} mantissa bits, beyond the {FLOAT64_MANTISSA} that can be "
                "computed exactly: choose narrower types."
            )
        self._float64 = bits > FLOAT32_MANTISSA
        self.types = dict(types)
        rows = np.stack([q.remember(types[key]) for key, q in self._quantizers])
        self._run("assign", _assign_rows([q.packed for _, q in self._quantizers]), tf.constant(rows))
        self._elements = has_elements(types)
        if self._elements:
            for name in narrowable(self.graph):
                kind, shape = types[f"{name}/result"], self.graph[name].shape
                self.layers[name].quantizers["result"].bound(kind, shape)
        for name, layer in self.layers.items():
            layer.assign({role: types[f"{name}/{role}"] for role in _OWN_ROLES if f"{name}/{role}" in types})

    # -- computation -----------------------------------------------------------------------------------------

    def forward(self, inputs: Sequence[Any], *, stop_before: frozenset[str] = frozenset()) -> list[Any]:
        """Return the outputs for a batch, in the present `mode`.

        Outputs named in `stop_before` are left out: their node's input is returned instead (logits, for a
        loss).
        """
        values = self._values(inputs)
        return [values[self.graph[o].inputs[0] if o in stop_before else o] for o in self.graph.outputs]

    def _values(self, inputs: Sequence[Any]) -> dict[str, Any]:
        given = iter(inputs)
        values: dict[str, Any] = {}
        for node in self.graph:
            layer = self.layers[node.name]
            sources = (
                [tf.cast(next(given), self.mode.dtype)]
                if not node.inputs
                else [values[i] for i in node.inputs]
            )
            values[node.name] = layer(sources)
        return values

    def predict(self, x: Arrays) -> list[NDArray[np.float64]]:
        """Return what the firmware outputs for the inputs `x` (one array per input, batch first), exactly."""
        dtype = self._exact(elements=self._elements)
        name = f"predict_{dtype.name}{'_elements' if self._elements else ''}"
        if name not in self._compiled:
            signature = [[tf.TensorSpec((None, *part.shape[1:]), dtype) for part in x]]
            self._compiled[name] = Compiled(
                self.traced(name, self.forward, signature),
                lambda: self.traced(f"{name}_compiled", self.forward, signature, jit_compile=True),
            )
        # parts of one size, since XLA compiles for each: the last is filled up with its first sample
        samples = len(x[0])
        size = max(1, math.ceil(samples / math.ceil(max(1, samples) / self.batch_size)))
        parts = []
        for start in range(0, max(1, samples), size):
            batch = [_filled(part[start : start + size], size) for part in x]
            parts.append(self._compiled[name]([tf.constant(part, dtype) for part in batch]))
        return [np.concatenate(p)[:samples].astype(np.float64) for p in zip(*parts, strict=True)]

    def _exact(self, *, elements: bool) -> Any:
        """Compute as the firmware does from now on, and return the float type that is exact for that."""
        self.mode.exact, self.mode.training, self.mode.elements = True, False, elements
        self.mode.dtype = tf.float64 if self._float64 else tf.float32
        return self.mode.dtype

    def ranges(self, x: Arrays) -> Ranges:
        """Return what each element of a result takes over the samples `x` as the types are, without elements.

        Of the results that may have elements (`narrowable`).
        """
        dtype = self._exact(elements=False)
        names = narrowable(self.graph)

        def observe(inputs: Sequence[Any]) -> dict[str, Any]:
            values = self._values(inputs)
            ends = (tf.reduce_min, tf.reduce_max)
            return {f"{name}/result": [end(values[name], 0) for end in ends] for name in names}

        parts = self._batches(x, f"ranges_{dtype.name}", observe, dtype)
        return {
            key: (np.min([part[key][0] for part in parts], 0), np.max([part[key][1] for part in parts], 0))
            for key in (f"{name}/result" for name in names)
        }

    def predict_float(self, x: Arrays) -> list[NDArray[np.float64]]:
        """Return what the model computes without any rounding."""
        self.mode.exact, self.mode.training, self.mode.dtype = False, False, tf.float32
        parts = self._batches(x, "predict_unrounded", self.forward, tf.float32)
        return [np.concatenate(p).astype(np.float64) for p in zip(*parts, strict=True)]

    def calibrate(self, x: Arrays, *, rule: str = "max") -> Calibration:
        """Return the ranges that every tensor takes over the samples `x`, computed without rounding."""
        self.mode.exact, self.mode.training, self.mode.dtype = False, False, tf.float32

        def observe(inputs: Sequence[Any]) -> dict[str, Any]:
            values = self._values(inputs)
            seen = {f"{n}/result": v for n, v in values.items()}
            for name, layer in self.layers.items():
                seen |= {f"{name}/{role}": v for role, v in getattr(layer, "observed", {}).items()}
            return seen

        peaks: dict[str, float] = {}
        samples: dict[str, NDArray[np.float32]] = {}
        draw = np.random.default_rng(0)
        for part in self._batches(x, "calibrate", observe, tf.float32):
            for key, value in part.items():
                tensor, _, role = key.rpartition("/")
                name = f"{tensor}/result" if role in {"state", "cell"} else key
                peaks[name] = max(peaks.get(name, 0.0), float(np.abs(value).max(initial=0.0)))
                if role in {"result", "cell"} and key not in samples:
                    # drawn at random: equal strides would meet the same pixel or feature each time
                    samples[key] = draw.choice(np.asarray(value).ravel(), SAMPLES)
        for node in self.graph:
            if node.traits.family == "linear":
                peaks.setdefault(f"{node.name}/accum", peaks[f"{node.name}/result"])
        return Calibration(peaks=peaks, samples=samples, rule=rule)

    def _batches(
        self, x: Arrays, name: str, function: Callable[[Sequence[Any]], Any], dtype: Any
    ) -> list[Any]:
        parts = []
        for start in range(0, len(x[0]), self.batch_size):
            batch = [tf.constant(part[start : start + self.batch_size], dtype) for part in x]
            parts.append(tf.nest.map_structure(lambda t: t.numpy(), self._run(name, function, batch)))
        return parts

    def _run(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Run `function` as a graph that is traced once under `name`; counts traces."""
        if name not in self._traced:
            signature = tf.nest.map_structure(
                lambda t: tf.TensorSpec(
                    (None, *t.shape[1:]) if t.shape.rank and name not in _FIXED else t.shape, t.dtype
                ),
                list(args),
            )
            self.traced(name, function, signature)
        return self._traced[name](*args)

    def traced(
        self, name: str, function: Callable[..., Any], signature: Sequence[Any], *, jit_compile: bool = False
    ) -> Callable[..., Any]:
        """Return `function` as a graph that counts its traces under `name`; built on the first call."""
        if name not in self._traced:

            def counted(*inner: Any) -> Any:
                self.traces[name] = self.traces.get(name, 0) + 1
                return function(*inner)

            self._traced[name] = tf.function(
                counted, input_signature=list(signature), jit_compile=jit_compile or None
            )
        return self._traced[name]


def _filled(part: NDArray[np.floating], size: int) -> NDArray[np.floating]:
    """Return `part` with its first sample repeated at the end, so that there are `size`."""
    missing = size - len(part)
    return np.concatenate([part, np.repeat(part[:1], missing, axis=0)]) if missing else part


_OWN_ROLES = (
    "accum",
    "table",
    "exp_table",
    "inv_table",
    "inp_norm",
    "inv_inp",
    "mean",
    "variance",
    "normalized",
)
_FIXED = frozenset({"restore", "assign"})


def _assign_all(variables: Sequence[Any]) -> Callable[..., Any]:
    def assign(*values: Any) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    return assign


def _assign_rows(variables: Sequence[Any]) -> Callable[..., Any]:
    def assign(rows: Any) -> None:
        for i, variable in enumerate(variables):
            variable.assign(rows[i])

    return assign


def build_layer(graph: Graph, node: Node, mode: Mode, table_size: int, narrow: bool) -> BitTrueLayer:
    """Return the layer for `node` of `graph`; see `BitTrue` for `table_size` and `narrow`.

    Raises:
        UserError: when there is none for its operation.
    """
    return operation(node.op).layer(graph, node, mode, Settings(table_size, narrow))
