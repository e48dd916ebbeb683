"""LSTM and GRU in training: the forward pass of `recurrent`, with a backward pass of its own.

Automatic differentiation walks back through every operation of every step, some forty small ones for an LSTM.
Here all factors that don't depend on the order of the steps are computed for the whole sequence at once,
which leaves seven. It pays most for a GRU, for long sequences, and where TensorFlow has one thread, as in a
worker.
Gradients are the same: straight through roundings, zero where a state saturates, the smooth curve's for a
table.

Inside a pass the states are counted in steps of their type, and pre-activations in entries of the tables;
both are powers of two, so that nothing is rounded by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .quantizer import VariableFixedPoint
from .tables import Table

LIMIT = 128
"""Steps up to which a sequence is unrolled."""


class _Rounding:
    """A state's rounding in units of its step."""

    def __init__(self, quantizer: VariableFixedPoint, dtype: Any) -> None:
        packed = tf.cast(quantizer.packed, dtype)
        self.scale, self.low, self.high = packed[2], packed[3], packed[4]
        self.nearest = quantizer.nearest

    def __call__(self, x: Any) -> Any:
        return self.nearest(tf.raw_ops.ClipByValue(t=x, clip_value_min=self.low, clip_value_max=self.high))

    def inside(self, x: Any) -> Any:
        """Return 1 where `x` doesn't saturate, else 0."""
        return tf.cast(
            tf.abs(x - (self.high + self.low) / 2) <= (self.high - self.low + 1) / 2, self.scale.dtype
        )


def _shifted(states: Any) -> Any:
    """Return what each step starts from: nothing, then the states before it ([steps, batch, units])."""
    return tf.concat([tf.zeros_like(states[:1]), states[:-1]], 0)


def _outer(states: Any, gradients: Any) -> Any:
    """Return the gradient of the recurrent kernel, from the states and gradients of all steps."""
    return tf.matmul(
        tf.reshape(states, (-1, states.shape[-1])),
        tf.reshape(gradients, (-1, gradients.shape[-1])),
        transpose_a=True,
    )


def lstm(projected: Any, recurrent: Any, *, gates: Table, tanh: Table, quantizer: VariableFixedPoint) -> Any:
    """Return the hidden states of all steps ([steps, batch, units]).

    `projected`: inputs times kernel plus bias ([steps, batch, 4 units]); `recurrent`: the recurrent kernel.
    """
    state = _Rounding(quantizer, projected.dtype)
    scale = state.scale
    sigmoid_entries, tanh_entries = tf.split(tf.cast(gates.values, projected.dtype), 2)
    gate_entries = tf.concat([sigmoid_entries, tanh_entries * scale], 0)
    cell_entries = tf.cast(tanh.values, projected.dtype) * scale

    @tf.custom_gradient
    def run(projected: Any, recurrent: Any) -> tuple[Any, Callable[..., Any]]:
        kernel = recurrent * gates.per_unit / scale
        h = c = tf.zeros_like(projected[0, :, : recurrent.shape[0]])
        seen = []
        for x in tf.unstack(projected * gates.per_unit):
            z = x + tf.matmul(h, kernel)
            a = tf.gather(gate_entries, gates.index(z))
            i, f, g, o = tf.split(a, 4, axis=1)
            s = g * i + c * f
            c = state(s)
            t = tf.gather(cell_entries, tanh.index(c * (tanh.per_unit / scale)))
            y = o * t
            h = state(y)
            seen.append((z, a, s, c, t, y, h))
        hidden = tf.stack([h for *_, h in seen]) / scale

        def gradient(upstream: Any) -> Any:
            z, a, s, c, t, y = (tf.stack(steps) for steps in list(zip(*seen, strict=True))[:-1])
            i, f, g, o = tf.split(a, 4, axis=2)
            kept, shown = state.inside(s), state.inside(y)
            factors = [kept * (g / scale), kept * (_shifted(c) / scale), kept * i, shown * (t / scale)]
            to_gates = tf.unstack(tf.concat(factors, 2) * gates.slope(z))
            to_cell = tf.unstack(shown * o * tanh.slope(c * (tanh.per_unit / scale)))
            to_before = tf.unstack(kept * f)
            back = tf.transpose(recurrent)
            dz, dc, all_dz = None, tf.zeros_like(c[0]), []
            for n, dh in reversed(list(enumerate(tf.unstack(upstream)))):
                dh = dh if dz is None else dh + tf.matmul(dz, back)
                dc = dc + dh * to_cell[n]
                dz = tf.concat([dc, dc, dc, dh], 1) * to_gates[n]
                dc = dc * to_before[n]
                all_dz.append(dz)
            dz = tf.stack(all_dz[::-1])
            return dz, _outer(_shifted(hidden), dz)

        return hidden, gradient

    return run(projected, recurrent)


def gru(
    projected: Any,
    recurrent: Any,
    bias: Any,
    *,
    gates: Table,
    tanh: Table,
    quantizer: VariableFixedPoint,
    accum_scale: Any,
) -> Any:
    """Return the hidden states of all steps ([steps, batch, units]).

    `projected`: inputs times kernel plus bias ([steps, batch, 3 units]); `recurrent` and `bias`: the
    recurrent kernel and bias; `accum_scale`: steps of the accumulator in 1, to which the product of reset
    gate and state is truncated.
    """
    state = _Rounding(quantizer, projected.dtype)
    scale, units = state.scale, recurrent.shape[0]
    gate_entries = tf.cast(gates.values, projected.dtype)
    new_entries = tf.cast(tanh.values, projected.dtype) * scale
    # gates are counted in entries of their table, the part that the reset gate multiplies in steps of the
    # accumulator
    per_unit = tf.concat(
        [tf.fill((2 * units,), tf.cast(gates.per_unit, projected.dtype)), tf.fill((units,), accum_scale)], 0
    )

    @tf.custom_gradient
    def run(projected: Any, recurrent: Any, bias: Any) -> tuple[Any, Callable[..., Any]]:
        to_gate, to_new = tf.split(projected, (2 * units, units), axis=2)
        kernel, bias = recurrent * per_unit / scale, bias * per_unit
        inputs = tf.unstack(to_gate * gates.per_unit + bias[: 2 * units])
        h = tf.zeros_like(to_new[0])
        seen = []
        for x, p in zip(inputs, tf.unstack(to_new * tanh.per_unit), strict=True):
            a, m = tf.split(tf.matmul(h, kernel), (2 * units, units), axis=1)
            a, m = a + x, m + bias[2 * units :]
            z, r = tf.split(tf.gather(gate_entries, gates.index(a)), 2, axis=1)
            q = p + tf.floor(r * m) * (tanh.per_unit / accum_scale)
            g = tf.gather(new_entries, tanh.index(q))
            s = g * (1 - z) + h * z
            h = state(s)
            seen.append((a, m, z, r, q, g, s, h))
        hidden = tf.stack([h for *_, h in seen]) / scale

        def gradient(upstream: Any) -> Any:
            a, m, z, r, q, g, s = (tf.stack(steps) for steps in list(zip(*seen, strict=True))[:-1])
            before, kept = _shifted(hidden), state.inside(s)
            update, reset = tf.split(gates.slope(a), 2, axis=2)
            to_new = kept * (1 - z) * tanh.slope(q)
            factors = [kept * (before - g / scale) * update, to_new * (m / accum_scale) * reset, to_new * r]
            to_inner, to_before = tf.unstack(tf.concat(factors, 2)), tf.unstack(kept * z)
            back = tf.transpose(recurrent)
            carried, all_inner, all_dh = tf.zeros_like(before[0]), [], []
            for n, dh in reversed(list(enumerate(tf.unstack(upstream)))):
                dh = dh + carried
                inner = tf.tile(dh, (1, 3)) * to_inner[n]
                carried = tf.matmul(inner, back) + dh * to_before[n]
                all_inner.append(inner)
                all_dh.append(dh)
            inner, dh = tf.stack(all_inner[::-1]), tf.stack(all_dh[::-1])
            to_projected = tf.concat([inner[..., : 2 * units], dh * to_new], 2)
            return to_projected, _outer(before, inner), tf.reduce_sum(inner, (0, 1))

        return hidden, gradient

    return run(projected, recurrent, bias)
