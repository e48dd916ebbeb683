"""How much each training sample weighs in the loss, by its class: what `training.class_weights` says, checked
against the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.search.config.base import nearest
from bitfront.search.problem.labels import Output, Targets
from bitfront.spaces import UserError

KEY = "training.class_weights"
ClassWeights = tuple[NDArray[np.float32] | None, ...]
"""For each output of the model the weight of each class, None where all weigh alike."""


def class_weights(wanted: Any, outputs: Mapping[str, Output], y_train: Targets) -> ClassWeights:
    """Return what each class weighs, so that a training sample weighs 1 on average: only the ratios count.

    Args:
        wanted: `none`, `balanced`, a weight by class number, or one of these by the name of an output.
        outputs: the model's, by name.
        y_train: the training labels, which `balanced` counts: a class weighs the inverse of its share.

    Raises:
        UserError: when it names a class or an output that isn't there, or an output without classes.
    """
    deciding = [name for name, output in outputs.items() if output.task != "regression"]
    if wanted == "none":
        return (None,) * len(outputs)
    if not deciding:
        raise UserError(f"{KEY}: a regression has no classes to weigh: leave it out.")
    by_output = _by_output(wanted, outputs, deciding)
    return tuple(
        _normalised(_table(by_output.get(name, "none"), name, output, labels, len(deciding) > 1), labels)
        for (name, output), labels in zip(outputs.items(), y_train, strict=True)
    )


def sample_weights(weights: ClassWeights, y: Targets) -> tuple[NDArray[np.float32] | None, ...]:
    """Return the weight of each sample for each output, given its labels."""
    return tuple(None if one is None else one[labels] for one, labels in zip(weights, y, strict=True))


def _by_output(wanted: Any, outputs: Mapping[str, Output], deciding: list[str]) -> Mapping[str, Any]:
    if wanted == "balanced":
        return dict.fromkeys(deciding, "balanced")
    if all(isinstance(key, int) for key in wanted):
        if len(deciding) > 1:
            raise UserError(
                f"{KEY} weighs classes, but {len(deciding)} outputs have some: give a mapping from the "
                f"output's name, such as {{{deciding[0]}: balanced}}."
            )
        return {deciding[0]: wanted}
    for name in wanted:
        if name not in outputs:
            raise UserError(
                f"{KEY}: {name!r} is no output of the model: {nearest(name, deciding)}.".replace("?.", "?")
            )
        if outputs[name].task == "regression":
            raise UserError(f"{KEY}: the output {name!r} is a regression and has no classes: leave it out.")
    return dict(wanted)


def _table(
    wanted: Any, name: str, output: Output, labels: NDArray[Any], several: bool
) -> NDArray[np.float64] | None:
    if wanted == "none" or output.task == "regression":
        return None
    if wanted == "balanced":
        count = np.bincount(labels, minlength=output.classes)
        return np.asarray(np.where(count, 1.0 / np.maximum(count, 1), 0.0))
    table = np.ones(output.classes)
    for one, weight in wanted.items():
        if not 0 <= one < output.classes:
            where = f" of {name!r}" if several else ""
            raise UserError(
                f"{KEY} names class {one}{where}, but there are the classes 0..{output.classes - 1}: correct "
                f"the number."
            )
        table[one] = weight
    return table


def _normalised(table: NDArray[np.float64] | None, labels: NDArray[Any]) -> NDArray[np.float32] | None:
    return None if table is None else (table / table[labels].mean()).astype(np.float32)
