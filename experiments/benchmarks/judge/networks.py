"""Whole random networks: inputs, some steps, outputs; shrinking towards one input, one step, one output."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from .kinds import Draw
from .program import Program
from .structures import COMMON, RARE

MOST_STEPS = 5


@dataclass(frozen=True, eq=False)
class Network:
    """A random model and the lines that build it."""

    program: Program
    model: Any
    head: str
    """What is done with a last softmax or sigmoid (`space.head`)."""
    odd: bool
    """Whether it may hold what has to be refused."""


def _input(draw: Draw, program: Program, odd: bool) -> None:
    size = st.integers(1, 6)
    shape = draw(
        st.one_of(
            st.tuples(size),
            st.tuples(size, st.integers(1, 4)),
            st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)),
        )
    )
    options = ""
    if odd and draw(st.integers(0, 11)) == 11:
        shape, options = draw(
            st.sampled_from(
                (
                    (shape, ", dtype='int32'"),
                    (shape, ", dtype='float16'"),
                    (shape, ", batch_size=4"),
                    ((None, 2), ""),
                    ((), ""),
                    ((2, 2, 2, 2), ""),
                    (shape, ", sparse=True"),
                )
            )
        )
    program.input(shape, options)


def _ends(draw: Draw, program: Program, last: str) -> list[str]:
    """Return the outputs: the last tensor, what nothing else reads perhaps, and perhaps one that is read."""
    read = " ".join(line.partition(" = ")[2] for line in program.lines)
    loose = [
        name
        for name in program.tensors
        if f"{name})" not in read and f"{name}," not in read and f"{name} " not in read
    ]
    chosen = [last]
    if draw(st.integers(0, 3)) == 3:
        candidates = [name for name in (loose or program.tensors) if name != last]
        if draw(st.integers(0, 4)) == 4:
            candidates = [name for name in program.tensors if name != last]
        if candidates:
            chosen += draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=2, unique=True))
    return chosen


@st.composite
def networks(draw: Draw, plain: bool = False) -> Network:
    """Draw a network; with `plain` only of what is meant to be accepted."""
    state = random.getstate()
    try:
        return _network(draw, plain)
    finally:
        # Keras draws seeds for its layers, which hypothesis would take for a test that isn't repeatable
        random.setstate(state)


def _network(draw: Draw, plain: bool) -> Network:
    odd = not plain and draw(st.integers(0, 4)) > 2
    program = Program()
    for _ in range(1 if draw(st.integers(0, 4)) < 4 else 2):
        _input(draw, program, odd)
    assume(program.tensors)
    x = program.tensors[0]
    wanted, tried = draw(st.integers(1, MOST_STEPS)), 0
    while wanted and tried < 3 * MOST_STEPS:
        tried += 1
        # mostly a chain: else the last step reads what the first one gave
        source = x if draw(st.integers(0, 3)) < 3 else draw(st.sampled_from(program.tensors))
        structures = RARE if odd and draw(st.integers(0, 2)) else COMMON
        made = draw(st.sampled_from(structures))(draw, program, source, odd)
        x, wanted = made or x, wanted - (made is not None)
    outputs = _ends(draw, program, x)
    weights = draw(st.sampled_from(("normal", "grid", "sparse", "large")))
    wrap = draw(st.sampled_from(("list", "dict"))) if odd and len(outputs) > 1 else "list"
    model = program.finish(outputs, weights, draw(st.integers(0, 3)), wrap)
    assume(model is not None)
    return Network(program, model, draw(st.sampled_from(("keep", "auto", "logits"))), odd)
