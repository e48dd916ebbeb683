"""What a metric may see beside labels and outputs: the inputs, and arrays that the data bring for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.search.problem.arrays import numbers, parts
from bitfront.search.problem.labels import Output
from bitfront.spaces import UserError

LABELS = "labels"
"""The array beside the targets that says of each sample whether it is an anomaly."""
Extra = Mapping[str, NDArray[np.float32]]
"""Arrays beside inputs and targets by name, samples first."""


@dataclass(frozen=True, eq=False)
class Beside:
    """The inputs and the other arrays of the samples that are scored."""

    inputs: Sequence[NDArray[Any]] = ()
    """One array an input of the model, in its order, samples first; as the data give them, without noise."""
    extra: Extra = field(default_factory=dict)

    def rows(self, chosen: NDArray[np.integer[Any]]) -> Beside:
        """Return the same of some of the samples."""
        return Beside(
            tuple(one[chosen] for one in self.inputs), {name: a[chosen] for name, a in self.extra.items()}
        )


def checked_extra(value: Any, samples: int, where: str) -> dict[str, NDArray[np.float32]]:
    """Return the arrays beside inputs and targets of one split, by name; none where `value` is None.

    Raises:
        UserError: when it is no mapping of names, or an array doesn't hold `samples` finite numbers or rows.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(str(name).isidentifier() for name in value):
        raise UserError(
            f"{where} isn't a mapping of names to arrays: give each array a name that a Python argument can "
            "have, {'labels': array} say."
        )
    found = {str(name): numbers(array, f"{where}[{str(name)!r}]") for name, array in value.items()}
    for name, array in found.items():
        if len(array) != samples:
            raise UserError(
                f"{where}[{name!r}] has {len(array)} samples and x {samples}: they must be equal."
            )
    return found


def autoencodes(inputs: Mapping[str, tuple[int | None, ...]], outputs: Mapping[str, Output]) -> bool:
    """Whether the outputs can give back the inputs: all for regression, with the inputs' shapes in their
    order.
    """
    return list(inputs.values()) == [one.shape for one in outputs.values()] and all(
        one.task == "regression" for one in outputs.values()
    )


def with_own_targets(
    raw: Mapping[str, Any],
    inputs: Mapping[str, tuple[int | None, ...]],
    splits: Sequence[str],
    source: str,
    *,
    labelled: bool,
    notices: list[str],
) -> dict[str, Any]:
    """Return the arrays of an autoencoder with its inputs as targets, where the data name no targets.

    With `labelled`, for a metric that needs them, one number a sample in place of targets are the labels:
    `extra_val: {labels: ...}` in the result.
    """
    found = dict(raw)
    names = list(inputs)
    for split in splits:
        x, y = found.get(f"x_{split}"), found.get(f"y_{split}")
        if x is None:
            continue
        if y is not None and labelled and not isinstance(y, Mapping | list | tuple) and _flat(y, inputs):
            beside = found.get(f"extra_{split}") or {}
            found[f"extra_{split}"] = {LABELS: np.asarray(y).reshape(-1), **beside}
            notices.append(
                f"{source}: y_{split} has a number a sample: the labels; the targets are the inputs."
            )
            y = None
        if y is None:
            own = parts(x, names, f"{source}: x_{split}", "input")
            found[f"y_{split}"] = own if len(own) > 1 else own[0]
    return found


def _flat(y: Any, inputs: Mapping[str, tuple[int | None, ...]]) -> bool:
    shape = np.shape(y)
    return (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)) and (1,) not in inputs.values()
