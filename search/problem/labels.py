"""Labels and targets, checked against the outputs of the model and what each is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.search.problem.arrays import numbers, parts
from bitfront.spaces import UserError

Targets = tuple[NDArray[Any], ...]
"""One array per output of the model, in its order, samples first."""


LEAST_OF_CLASS = 20
"""Validation samples of a class below which its share of the score is hardly known: one of them is 5 % of its
recall.
"""


@dataclass(frozen=True)
class Output:
    """An output of the model: its shape without the batch axis, and what it is for."""

    shape: tuple[int | None, ...]
    task: str
    """`binary`, `multiclass` or `regression`."""

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return 2 if self.task == "binary" else int(self.shape[-1] or 0)


def targets(value: Any, outputs: Mapping[str, Output], where: str, notices: list[str]) -> Targets:
    """Return class numbers (int32, one a sample) or targets (float32, as the output's shape) for each output.

    Raises:
        UserError: naming the array and what doesn't fit.
    """
    found = []
    for (name, output), part in zip(
        outputs.items(), parts(value, list(outputs), where, "output"), strict=True
    ):
        spot = f"{where}[{name!r}]" if len(outputs) > 1 else where
        array = numbers(part, spot)
        fits = _regression if output.task == "regression" else _classes
        found.append(fits(array, output, spot, notices))
    if len({len(one) for one in found}) > 1:
        raise UserError(
            f"{where} has {', '.join(str(len(one)) for one in found)} samples in its outputs: they must be "
            f"equal."
        )
    return tuple(found)


def _regression(array: NDArray[Any], output: Output, where: str, _: list[str]) -> NDArray[Any]:
    if array.ndim == 1 and output.shape == (1,):
        array = array[:, None]
    if array.shape[1:] != output.shape:
        raise UserError(
            f"{where} has targets of shape {array.shape[1:]}, the model gives {output.shape}: match them."
        )
    return array


def _classes(array: NDArray[Any], output: Output, where: str, notices: list[str]) -> NDArray[Any]:
    classes = output.classes
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.shape[1] == classes:
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise UserError(
                f"{where} has {classes} columns but isn't one-hot: give class numbers, or one 1 a row."
            )
        notices.append(f"{where} is one-hot and was read as class numbers.")
        array = array.argmax(axis=1)
    if array.ndim != 1:
        raise UserError(
            f"{where} has shape {array.shape}: give class numbers of shape (samples,), or one-hot rows of "
            f"{classes}."
        )
    wrong = array[(array != np.round(array)) | (array < 0) | (array >= classes)]
    if wrong.size:
        what = (
            "task binary has 0 and 1"
            if output.task == "binary"
            else f"the model's {classes} outputs allow 0..{classes - 1}"
        )
        raise UserError(
            f"{where} holds the label {wrong[0]:g}, but {what}: renumber the classes, or change the model."
        )
    return array.astype(np.int32)


def class_counts(y: Targets, outputs: Mapping[str, Output]) -> dict[str, tuple[int, ...]]:
    """Return how many samples of each class there are, for each output that decides a class."""
    return {
        name: tuple(np.bincount(labels, minlength=output.classes).tolist())
        for (name, output), labels in zip(outputs.items(), y, strict=True)
        if output.task != "regression"
    }


def check_classes(
    y: Mapping[str, Targets], outputs: Sequence[Output], source: str, notices: list[str]
) -> None:
    """Check that every split tells at least two classes apart, and note those that it lacks or has few
    validation samples of.

    Raises:
        UserError: when a split holds one class only.
    """
    for split, found in y.items():
        for output, labels in zip(outputs, found, strict=True):
            if output.task == "regression":
                continue
            present = np.unique(labels)
            if len(present) < 2:
                raise UserError(
                    f"{source}: y_{split} holds only class {present[0]}: mix the classes in every split."
                )
            few = np.unique(labels, return_counts=True)[1] < LEAST_OF_CLASS
            if split == "val" and few.any():
                count, first = int(few.sum()), present[few][0]
                notices.append(
                    f"{source}: y_val has fewer than {LEAST_OF_CLASS} samples of {count} of {output.classes} "
                    f"classes, {first} the first: their share of the score is hardly known."
                )
            if len(present) < output.classes:
                absent = sorted(set(range(output.classes)) - set(present.tolist()))
                notices.append(
                    f"{source}: y_{split} lacks {len(absent)} of {output.classes} classes, {absent[0]} the "
                    f"first."
                )
