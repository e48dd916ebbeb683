"""Bare operations on tensors, as users write them between layers."""

from __future__ import annotations

from math import prod

from hypothesis import strategies as st

from .kinds import Draw
from .program import Program

_CONSTANTS = ("np.arange({last}, dtype='float32') / 4", "np.ones({shape}, 'float32') * 0.75", "0.5", "3.0")
_USUAL = ("{x} + {c}", "ops.add({x}, {c})", "np.float32(0.25) + {x}")
_OF_TWO = ("{x} + {y}", "{x} - {y}", "{x} * {y}", "ops.maximum({x}, {y})", "ops.minimum({x}, {y})")
_RARE = (
    "{x} * {c}",
    "{x} - {c}",
    "{c} - {x}",
    "{x} / 2.0",
    "-{x}",
    "{x} ** 2",
    "{x} + {x}",
    "{x} * {y}",
    "{x} / ({y} * {y} + 1.0)",
    "{x}[:, :1]",
    "{x}[:, ::-1]",
    "{x}[..., 1:]",
    "ops.maximum({x}, {c})",
    "ops.minimum({x}, 0.0)",
    "ops.relu({x})",
    "ops.tanh({x})",
    "ops.sigmoid({x})",
    "ops.softmax({x})",
    "ops.abs({x})",
    "ops.square({x})",
    "ops.sqrt(ops.abs({x}))",
    "ops.exp({x})",
    "ops.clip({x}, -3.0, 3.0)",
    "ops.clip({x}, 0.0, 9.0)",
    "ops.mean({x}, axis=-1, keepdims=True)",
    "ops.sum({x}, axis=1)",
    "ops.max({x}, axis=-1)",
    "ops.concatenate([{x}, {y}], axis=-1)",
    "ops.stack([{x}, {y}], axis=1)",
    "ops.reshape({x}, (-1, {size}))",
    "ops.expand_dims({x}, 1)",
    "ops.squeeze({x}, 1)",
    "ops.transpose({x})",
    "ops.swapaxes({x}, 1, -1)",
    "ops.flip({x}, axis=1)",
    "ops.repeat({x}, 2, axis=1)",
    "ops.where({x} > 0, {x}, {y})",
    "ops.matmul({x}, ops.swapaxes({y}, -1, -2))",
    "ops.einsum('...a,...a->...', {x}, {y})",
    "ops.round({x})",
    "ops.cast({x}, 'float16')",
    "ops.stop_gradient({x})",
    "ops.zeros_like({x})",
    "ops.sin({x})",
    "ops.normalize({x})",
    "ops.one_hot(ops.argmax({x}, axis=-1), {last})",
    "ops.top_k({x}, 1)[0]",
    "ops.average_pool({x}, 2)",
    "ops.subtract({x}, {y})",
    "ops.multiply({x}, 2.0)",
    "keras.activations.relu({x}, max_value=1.0)",
    "keras.activations.elu({x})",
)
"""x and y: tensors of one shape, the same one perhaps; c: a constant."""


def bare(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a bare operation on tensors, or on a tensor and a constant."""
    shape = program.shape(x)
    y = draw(st.sampled_from(program.alike(x)))
    places = {
        "x": x,
        "y": y,
        "shape": shape,
        "last": shape[-1] if shape else 1,
        "size": prod(n or 1 for n in shape),
    }
    constant = draw(st.sampled_from(_CONSTANTS)).format(**places)
    choices = [*_USUAL, *(_OF_TWO if x != y else ()), *(_RARE if odd else ())]
    return program.apply(draw(st.sampled_from(choices)).format(**places, c=constant))
