"""A Keras model as the lines of Python that build it: what is judged is what the reproduction says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .user_layers import SNIPPETS

MOST_VALUES = 160
"""Largest tensor, in values: more would only cost time to compile."""


def fill(model: Any, seed: int, kind: str) -> None:
    """Give a model random weights: `normal`, on a `grid` of eighths, `sparse`, or `large`."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "seed" in variable.path or "float" not in str(variable.dtype):
            continue
        value = rng.normal(size=variable.shape) * (4.0 if kind == "large" else 0.5)
        if kind == "grid":
            value = np.round(value * 8) / 8
        if kind == "sparse":
            value = value * (rng.random(variable.shape) < 0.5)
        variable.assign(np.abs(value) + 0.05 if "variance" in variable.path else value)


class Program:
    """Lines of a function `build`, run one by one while they are written, so that every shape is known.

    A line that Keras itself refuses leaves no trace.
    """

    def __init__(self) -> None:
        import keras
        import qkeras

        keras.utils.clear_session(free_memory=False)
        self.namespace: dict[str, Any] = {
            "keras": keras,
            "L": keras.layers,
            "ops": keras.ops,
            "qkeras": qkeras,
            "np": np,
            "fill": fill,
        }
        self.lines: list[str] = []
        self.inputs: list[str] = []
        self.tensors: list[str] = []
        self._snippets: list[str] = []
        self._count = 0

    def use(self, snippet: str) -> None:
        """Make the user's code of that name available (`user_layers`)."""
        if snippet in self._snippets:
            return
        self._snippets.append(snippet)
        self._run(SNIPPETS[snippet])

    def _run(self, text: str) -> None:
        exec(text, self.namespace)  # noqa: S102 - our own generated lines: the reproduction is what was run

    def define(self, expression: str, prefix: str = "f") -> str | None:
        """Give the value of an expression a name; None where Keras refuses it."""
        name = f"{prefix}{self._count}"
        line = f"{name} = {expression}"
        try:
            self._run(line)
        except Exception:  # whatever Keras raises: this can't be written, so nothing is to be judged
            return None
        self._count += 1
        self.lines.append(line)
        return name

    def input(self, shape: Sequence[int | None], options: str = "") -> str | None:
        """Add an input."""
        name = f"x{self._count}"
        written = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        made = self.define(f"keras.Input(({written}), name={name!r}{options})", "x")
        if made is not None:
            self.inputs.append(made)
            self.tensors.append(made)
        return made

    def apply(self, expression: str) -> str | None:
        """Add a tensor; None where Keras refuses it, or it is no tensor of a size to be judged."""
        name = self.define(expression, "x")
        if name is None:
            return None
        value = self.namespace[name]
        if hasattr(value, "_keras_history") and (
            None in value.shape[1:] or 0 < prod(value.shape[1:]) <= MOST_VALUES
        ):
            self.tensors.append(name)
            return name
        self.drop()
        return None

    def drop(self) -> None:
        """Take back the last line."""
        self.lines.pop()

    def shape(self, name: str) -> tuple[int | None, ...]:
        """Return a tensor's shape without the batch axis."""
        return tuple(self.namespace[name].shape[1:])

    def width(self, name: str) -> int:
        """Return the length of a tensor's last axis, 1 where it has none."""
        return (self.shape(name) or (1,))[-1] or 1

    def alike(self, name: str) -> list[str]:
        """Return the tensors of the same shape as one."""
        return [other for other in self.tensors if self.shape(other) == self.shape(name)]

    def finish(self, outputs: Sequence[str], weights: str, seed: int, wrap: str = "list") -> Any:
        """Add the model itself, fill its weights, and return it; None where Keras refuses it."""
        self._forget(outputs)
        inputs = self.inputs[0] if len(self.inputs) == 1 else f"[{', '.join(self.inputs)}]"
        ends = outputs[0] if len(outputs) == 1 else f"[{', '.join(outputs)}]"
        if wrap == "dict":
            ends = "{" + ", ".join(f"'out{i}': {o}" for i, o in enumerate(outputs)) + "}"
        if self.define(f"keras.Model({inputs}, {ends})", "model") is None:
            return None
        self.lines[-1] = "model = " + self.lines[-1].partition(" = ")[2]
        self._run(self.lines[-1])
        self.lines.append(f"fill(model, {seed}, {weights!r})")
        self._run(self.lines[-1])
        return self.namespace["model"]

    def _forget(self, outputs: Sequence[str]) -> None:
        """Leave out the lines that no output needs."""
        needed = {*self.inputs, *outputs}
        kept = []
        for line in reversed(self.lines):
            name, _, expression = line.partition(" = ")
            if name in needed:
                needed |= set(re.findall(r"\b[a-z]+\d+\b", expression))
                kept.append(line)
        self.lines = kept[::-1]

    def again(self) -> Any:
        """Return the model once more, built by the same lines."""
        space: dict[str, Any] = {}
        exec(self.source, space)  # noqa: S102 - as above
        return space["build"]()

    @property
    def source(self) -> str:
        """The file of a user who has this model: `model.py:build`."""
        body = "\n".join(f"    {line}" for line in self.lines)
        heads = ["import keras", "import numpy as np"]
        heads += (
            ["import qkeras"]
            if "qkeras." in body or any("qkeras" in SNIPPETS[s] for s in self._snippets)
            else []
        )
        heads += ["from keras import layers as L", "from keras import ops"]
        parts = [
            "\n".join(heads),
            *(SNIPPETS[s].strip("\n") for s in self._snippets),
            inspect.getsource(fill).strip(),
        ]
        return "\n\n\n".join([*parts, f"def build():\n{body}\n    return model\n"]).replace(
            "model: Any, seed: int, kind: str) -> None", "model, seed, kind)"
        )

    @property
    def core(self) -> str:
        """The lines alone, and the user's own code: what a reader needs."""
        return "\n".join([*(SNIPPETS[s].strip("\n") for s in self._snippets), *self.lines])
