"""LSTM, GRU, SimpleRNN and their bidirectional form, after hls4ml 1.3's `nnet_recurrent.h`.

The hidden and the cell state have the result's type and are rounded when written; gate pre-activations and
activation outputs live in the accumulator's type. QKeras rounds a state when it is read, so its cells never
match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from . import backprop
from .accumulate import Accumulator
from .base import Layer
from .quantizer import Mode, floor_to
from .tables import Table

UNROLL_LIMIT = 32
"""Sequences up to this long are unrolled when traced: faster steps for a longer trace."""

_GATES: Mapping[str, str | Mapping[str, str]] = {
    "lstm": {"input": "sigmoid", "forget": "sigmoid", "cell": "tanh", "output": "sigmoid"},
    "gru": "sigmoid",
    "simple_rnn": "tanh",
}
"""Cell -> the table of its gates, in the order of Keras's kernel columns."""

Step = Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]


class Recurrent(Layer):
    """One direction or two of a recurrent layer, `tanh` and `sigmoid` from tables."""

    def __init__(
        self,
        graph: Graph,
        node: Node,
        mode: Mode,
        cell: str,
        *,
        both: bool = False,
        table_size: int = 1024,
        narrow: bool = False,
    ) -> None:
        """Build the cells; `cell`: `lstm`, `gru` or `simple_rnn`, in both directions where `both`."""
        super().__init__(graph, node, mode)
        for role, value in graph.weights[node.name].items():
            self.make(role, value)
        self.cell, self.both = cell, both
        self.tanh = Table("tanh", table_size, mode)
        self.gates = Table(_GATES[self.cell], table_size, mode, columns=node.attrs["units"])
        self.narrow = Accumulator(node, mode) if narrow else None
        self.accum_scale = tf.Variable(2.0**20, trainable=False, dtype=tf.float64)
        self.observed: dict[str, Any] = {}
        """In the float pass, what no output shows: the largest |state| and |pre-activation|, and the last
        cell state.
        """

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Give tables and accumulator their types."""
        self.tanh.assign(types["table"])
        self.gates.assign(types["table"])
        self.accum_scale.assign(1.0 / types["accum"].step)
        if self.narrow:
            self.narrow.assign(types["accum"])

    def _matmul(self, x: Any, kernel: Any, bias: Any | None) -> Any:
        if self.narrow:
            return self.narrow.matmul(x, kernel, bias)
        product = tf.matmul(x, kernel) if x.shape.rank == 2 else tf.tensordot(x, kernel, [[-1], [0]])
        return product if bias is None else product + bias

    def _store(self, x: Any) -> Any:
        """Return `x` as stored in the accumulator: unchanged where that is lossless."""
        return self.narrow.store(x) if self.narrow else x

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the states of all steps, or the last one ([batch, steps, units] or [batch, units])."""
        self.observed = {}
        x = tf.transpose(inputs[0], (1, 0, 2))
        if not self.both:
            states = self._run(x, "")
        else:
            forward = self._run(x, "forward_")
            backward = self._run(tf.reverse(x, [0]), "backward_")
            if self.node.attrs["return_sequences"]:
                backward = tf.reverse(backward, [0])
            states = tf.concat([forward, backward], -1)
        return tf.transpose(states, (1, 0, 2)) if self.node.attrs["return_sequences"] else states

    def _run(self, x: Any, prefix: str) -> Any:
        """Return the states for `x` ([steps, batch, features]): of all steps, or the last ([batch,
        units]).
        """
        projected = self._matmul(x, self.weight(f"{prefix}weight"), self.weight(f"{prefix}bias"))
        recurrent = self.weight(f"{prefix}recurrent_weight")
        keep_all = self.node.attrs["return_sequences"]
        own_gradient = self.mode.training and self.cell in {"lstm", "gru"} and not self.narrow
        if own_gradient and x.shape[0] <= backprop.LIMIT:
            states = self._trained(projected, recurrent, prefix)
            return states if keep_all else states[-1]
        zero = tf.zeros((tf.shape(x)[1], recurrent.shape[0]), self.mode.dtype)
        start: tuple[Any, ...]
        if self.cell == "lstm":
            step, start = self._lstm(recurrent), (zero, zero)
        elif self.cell == "gru":
            step, start = self._gru(recurrent, self.weight(f"{prefix}recurrent_bias")), (zero,)
        else:
            step, start = self._simple(recurrent), (zero,)
        if self.mode.exact:
            return _scan(step, projected, start, keep_all=keep_all)[0]
        watched = (tf.zeros((), self.mode.dtype), tf.reduce_max(tf.abs(projected)))
        result, states = _scan(
            self._watching(step, recurrent), projected, (*start, *watched), keep_all=keep_all
        )
        for role, peak in zip(("state", "accum"), states[-2:], strict=True):
            self.observed[role] = tf.maximum(self.observed[role], peak) if role in self.observed else peak
        if self.cell == "lstm":
            self.observed["cell"] = tf.concat(
                [*([self.observed["cell"]] if "cell" in self.observed else ()), states[1]], -1
            )
        return result

    def _trained(self, projected: Any, recurrent: Any, prefix: str) -> Any:
        parts: dict[str, Any] = {
            "gates": self.gates,
            "tanh": self.tanh,
            "quantizer": self.quantizers["result"],
        }
        if self.cell == "lstm":
            return backprop.lstm(projected, recurrent, **parts)
        bias, scale = self.weight(f"{prefix}recurrent_bias"), tf.cast(self.accum_scale, self.mode.dtype)
        return backprop.gru(projected, recurrent, bias, accum_scale=scale, **parts)

    def _watching(self, step: Step, recurrent: Any) -> Step:
        """Return `step` carrying the largest |state| and |pre-activation| along."""

        def watched(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            *before, state_peak, accum_peak = states
            z = tf.abs(projected) + tf.abs(tf.matmul(before[0], recurrent))
            after = step(projected, tuple(before))
            state_peak = tf.reduce_max([state_peak, *(tf.reduce_max(tf.abs(s)) for s in after)])
            return (*after, state_peak, tf.maximum(accum_peak, tf.reduce_max(z)))

        return watched

    def _lstm(self, recurrent: Any) -> Step:
        gates, tanh, state = self.gates.reader(), self.tanh.reader(), self.quantizers["result"].reader()

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            h, c = states
            z = self._store(projected + self._matmul(h, recurrent, None))
            i, f, g, o = tf.split(self._store(gates(z)), 4, axis=1)
            c = state(g * i + c * f)
            return state(o * self._store(tanh(c))), c

        return step

    def _gru(self, recurrent: Any, bias: Any) -> Step:
        gates, tanh, state = self.gates.reader(), self.tanh.reader(), self.quantizers["result"].reader()
        scale = tf.cast(self.accum_scale, self.mode.dtype)
        units = recurrent.shape[0]

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            (h,) = states
            inner = self._matmul(h, recurrent, bias)
            z, r = tf.split(
                self._store(gates(self._store(projected[:, : 2 * units] + inner[:, : 2 * units]))), 2, axis=1
            )
            # the product is stored in the accumulator, whose fraction is lossless for sums only
            reset = self._reset(r, inner[:, 2 * units :], scale)
            g = self._store(tanh(self._store(projected[:, 2 * units :] + reset)))
            return (state(g * (1 - z) + h * z),)

        return step

    def _reset(self, gate: Any, inner: Any, scale: Any) -> Any:
        if self.narrow:
            return self._store(gate * inner)
        if self.mode.exact and not self.mode.training:  # the product may need more bits than float32 has
            product = tf.cast(gate, tf.float64) * tf.cast(inner, tf.float64) * tf.cast(scale, tf.float64)
            return tf.cast(tf.floor(product), inner.dtype) / scale
        return floor_to(gate * inner, scale, self.mode)

    def _simple(self, recurrent: Any) -> Step:
        tanh, state = self.tanh.reader(), self.quantizers["result"].reader()

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            (h,) = states
            z = self._store(projected + self._matmul(h, recurrent, None))
            return (state(self._store(tanh(z))),)

        return step


def _scan(step: Step, x: Any, states: tuple[Any, ...], *, keep_all: bool) -> tuple[Any, tuple[Any, ...]]:
    """Run `step` over the first axis of `x`; return all first states, or the last, and the final states."""
    length = x.shape[0]
    if length <= UNROLL_LIMIT:
        seen = []
        for projected in tf.unstack(x):
            states = step(projected, states)
            seen.append(states[0])
        return (tf.stack(seen) if keep_all else states[0]), states
    outputs = tf.TensorArray(x.dtype, size=length if keep_all else 0, element_shape=states[0].shape)

    def body(t: Any, states: tuple[Any, ...], outputs: Any) -> Any:
        states = step(x[t], states)
        return t + 1, states, outputs.write(t, states[0]) if keep_all else outputs

    _, states, outputs = tf.while_loop(
        lambda t, *_: t < length, body, (0, states, outputs), maximum_iterations=length
    )
    return (outputs.stack() if keep_all else states[0]), states
