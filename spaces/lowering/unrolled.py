"""Recurrent layers that hls4ml lacks, unrolled: each step is a part of the firmware of its own.

So a cell may have any activation, a GRU its reset gate before the product (`reset_after=False`), states may
be given and the last cell state read. All of it is exact, since each node is. It costs as many copies of the
cell as there are steps; their widths are those of one layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import activation_kind
from .unsupported import Unsupported
from .views import add_view, numbered, view
from .work import Arrays, Lowering

Shape = tuple[int, ...]
States = tuple[str | None, ...]
"""Nodes of the hidden state and, of an LSTM, the cell state; None where a state is zero."""
MOST_STEPS = 32


@dataclass(frozen=True)
class _Cell:
    """What the steps of one layer share."""

    work: Lowering
    layer: Any
    recurrent: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    """Of the recurrent product, where it has one of its own."""

    @property
    def units(self) -> int:
        return int(self.layer.units)

    def add(self, op: str, inputs: Sequence[str], name: str, **options: Any) -> str:
        """Append a node whose result is a state's size."""
        shape = self.work.shape(inputs[0])
        return self.work.add(
            self.layer, op, tuple(inputs), shape, name=f"{self.layer.name}_{name}", **options
        )

    def part(self, source: str, first: int, count: int, name: str) -> str:
        """Append a view of `count` gates of a vector of gates."""
        size = (count * self.units,)
        found = view(numbered(self.work.shape(source))[first * self.units :][: size[0]])
        assert found is not None
        return add_view(self.work, self.layer, source, size, found, name=f"{self.layer.name}_{name}")

    def product(self, state: str, first: int, count: int, name: str) -> str:
        """Append the product of a state and the columns of some gates."""
        columns = slice(first * self.units, (first + count) * self.units)
        weights: Arrays = {"weight": self.recurrent[:, columns]}
        if self.bias is not None:
            weights["bias"] = self.bias[columns]
        size = count * self.units
        return self.work.add(
            self.layer,
            "dense",
            (state,),
            (size,),
            name=f"{self.layer.name}_{name}",
            weights=weights,
            units=size,
        )

    def activated(self, function: Any, source: str, name: str) -> str:
        """Append an activation of the cell."""
        kind, attrs = activation_kind(function)
        return source if kind == "linear" and not attrs else self.add(kind, (source,), name, **attrs)


Step = Callable[[_Cell, str, States, str], States]


def _simple(cell: _Cell, x: str, states: States, at: str) -> States:
    (h,) = states
    z = x if h is None else cell.add("add", (x, cell.product(h, 0, 1, f"{at}_state")), f"{at}_sum")
    return (cell.activated(cell.layer.cell.activation, z, f"{at}_out"),)


def _lstm(cell: _Cell, x: str, states: States, at: str) -> States:
    """Gates in Keras's order: input, forget, cell, output."""
    h, c = states
    own = cell.layer.cell
    z = x if h is None else cell.add("add", (x, cell.product(h, 0, 4, f"{at}_state")), f"{at}_sum")
    gates = {
        name: cell.activated(function, cell.part(z, place, 1, f"{at}_{name}_in"), f"{at}_{name}")
        for place, (name, function) in enumerate(
            (
                ("input", own.recurrent_activation),
                ("forget", own.recurrent_activation),
                ("new", own.activation),
                ("output", own.recurrent_activation),
            )
        )
        if name != "forget" or c is not None
    }
    fresh = cell.add("multiply", (gates["input"], gates["new"]), f"{at}_fresh")
    if c is not None:
        kept = cell.add("multiply", (gates["forget"], c), f"{at}_kept")
        fresh = cell.add("add", (kept, fresh), f"{at}_cell")
    shown = cell.activated(own.activation, fresh, f"{at}_shown")
    return cell.add("multiply", (gates["output"], shown), f"{at}_out"), fresh


def _gru(cell: _Cell, x: str, states: States, at: str) -> States:
    """Gates in Keras's order: update, reset, new; the state is new + update (state - new)."""
    (h,) = states
    own, first, last = cell.layer.cell, cell.part(x, 0, 2, f"{at}_gates_x"), cell.part(x, 2, 1, f"{at}_new_x")
    inner = first
    if h is not None:
        inner = cell.add("add", (first, cell.product(h, 0, 2, f"{at}_gates_h")), f"{at}_gates_sum")
    elif cell.bias is not None:
        inner = _plus(cell, first, cell.bias[: 2 * cell.units], f"{at}_gates_sum")
    gates = cell.activated(own.recurrent_activation, inner, f"{at}_gates")
    update, reset = cell.part(gates, 0, 1, f"{at}_update"), cell.part(gates, 1, 1, f"{at}_reset")
    if own.reset_after:
        if h is not None:
            product = cell.product(h, 2, 1, f"{at}_new_h")
            last = cell.add("add", (last, cell.add("multiply", (reset, product), f"{at}_kept")), f"{at}_sum")
        elif cell.bias is not None:
            scaled = {"scale": cell.bias[2 * cell.units :], "bias": np.zeros(cell.units, np.float32)}
            last = cell.add(
                "add", (last, cell.add("batchnorm", (reset,), f"{at}_kept", weights=scaled)), f"{at}_sum"
            )
    elif h is not None:
        kept = cell.add("multiply", (reset, h), f"{at}_kept")
        last = cell.add("add", (last, cell.product(kept, 2, 1, f"{at}_new_h")), f"{at}_sum")
    new = cell.activated(own.activation, last, f"{at}_new")
    if h is None:
        return (cell.add("subtract", (new, cell.add("multiply", (update, new), f"{at}_less")), f"{at}_out"),)
    change = cell.add("multiply", (update, cell.add("subtract", (h, new), f"{at}_back")), f"{at}_change")
    return (cell.add("add", (new, change), f"{at}_out"),)


def _plus(cell: _Cell, source: str, bias: NDArray[np.float32], name: str) -> str:
    return cell.add("add_constant", (source,), name, weights={"bias": bias})


_STEPS: dict[str, tuple[Step, int]] = {"simple_rnn": (_simple, 1), "lstm": (_lstm, 2), "gru": (_gru, 1)}
"""Cell -> its step, and how many states it has."""


def unrolled(
    work: Lowering, layer: Any, kind: str, source: str, states: States, weights: Arrays, steps: int
) -> tuple[str, States]:
    """Append the steps of a recurrent layer; return the node of its output, and those of its last states.

    Args:
        work: what collects the nodes.
        layer: the Keras layer, of `units`.
        kind: `lstm`, `gru` or `simple_rnn`.
        source: the node of the sequence.
        states: those given, none where all are zero.
        weights: `weight`, `recurrent_weight`, `bias` and, of a GRU, `recurrent_bias` where it has two.
        steps: the length of the sequence.

    Raises:
        Unsupported: when there are more than `MOST_STEPS` steps.
    """
    if steps > MOST_STEPS:
        raise Unsupported(
            f"its options need a cell for each step, and it has {steps} steps, more than {MOST_STEPS}: "
            "shorten the sequence, or use zero states, tanh, sigmoid and reset_after=True, as hls4ml does"
        )
    step, count = _STEPS[kind]
    size = weights["weight"].shape[1]
    projection = {role: weights[role] for role in ("weight", "bias")}
    projected = work.add(
        layer, "dense", (source,), (steps, size), name=f"{layer.name}_input", weights=projection, units=size
    )
    recurrent_bias = weights.get("recurrent_bias")
    cell = _Cell(work, layer, weights["recurrent_weight"], recurrent_bias)
    found: States = states or (None,) * count
    seen = []
    for place in reversed(range(steps)) if layer.go_backwards else range(steps):
        row = view(numbered((steps, size))[place])
        assert row is not None
        at = f"step{place}"
        found = _read(cell, found, at)
        x = add_view(work, layer, projected, (size,), row, name=f"{layer.name}_{at}")
        found = step(cell, x, found, at)
        seen.append(str(found[0]))
    return (_stacked(cell, seen) if layer.return_sequences else seen[-1]), found


def _read(cell: _Cell, states: States, at: str) -> States:
    """Return the states as a step reads them: rounded by QKeras's `state_quantizer`, where there is one."""
    quantizer = getattr(cell.layer.cell, "state_quantizer_internal", None)
    if quantizer is None:
        return states
    if np.asarray(quantizer(np.zeros((1, 1), np.float32))).any():
        raise Unsupported("its state_quantizer makes another value of a state of zero; use one that keeps it")
    return tuple(
        None if state is None else cell.activated(quantizer, state, f"{at}_read{place}")
        for place, state in enumerate(states)
    )


def _stacked(cell: _Cell, seen: Sequence[str]) -> str:
    """Append what joins the states of all steps, shape (steps, units)."""
    rows = [
        cell.work.add(cell.layer, "reshape", (name,), (1, cell.units), name=f"{cell.layer.name}_row{i}")
        for i, name in enumerate(seen)
    ]
    joined = rows[0]
    for i, row in enumerate(rows[1:], 2):
        joined = cell.work.add(
            cell.layer,
            "concatenate",
            (joined, row),
            (i, cell.units),
            name=f"{cell.layer.name}_rows{i}",
            axis=-2,
        )
    return joined
