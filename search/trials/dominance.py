"""Which rows of losses no other row beats, and the volume that they dominate; exact, for any number of
columns.

Own code because the public package for it, moocore, is under the LGPL, and Optuna's functions are private.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]


def is_nondominated(losses: Losses) -> NDArray[np.bool_]:
    """Return which rows no other one beats: is at most as large in every column and smaller in one.

    Rows that are equal don't beat each other, so that all of them are on the front or none.

    Args:
        losses: (rows, columns), to be minimised.
    """
    if not len(losses):
        return np.zeros(0, np.bool_)
    order = _ascending(losses)
    rows = losses[order]
    new = np.ones(len(rows), np.bool_)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    on_front = np.empty(len(rows), np.bool_)
    on_front[order] = _first_of_front(rows[new])[np.cumsum(new) - 1]
    return on_front


def hypervolume(losses: Losses, reference: NDArray[np.float64]) -> float:
    """Return the volume between rows of losses and a reference.

    Args:
        losses: (rows, columns), to be minimised.
        reference: one value per column, the largest that a row may have there.

    Raises:
        ValueError: when a row exceeds the reference.
    """
    if not len(losses):
        return 0.0
    if not (losses <= reference).all():
        raise ValueError("A row of losses exceeds the reference of the hypervolume.")
    rows = losses[_ascending(losses)]
    volume = _volume(rows[_first_of_front(rows)], reference)
    return volume if np.isfinite(volume) else np.inf


def _ascending(losses: Losses) -> NDArray[np.intp]:
    """Return the order of the rows by their first column, of equals by the second, and so on."""
    return np.lexsort(losses.T[::-1])


def _first_of_front(rows: Losses) -> NDArray[np.bool_]:
    """Return which of ascending rows no row before beats or equals: the front, of equals the first."""
    on_front = np.zeros(len(rows), np.bool_)
    if rows.shape[1] == 2:
        least = np.minimum.accumulate(rows[:, 1])
        on_front[0] = True
        on_front[1:] = least[1:] < least[:-1]
        return on_front
    # a row can only be beaten by one before it, so the first of those that are left is on the front
    left, rest = np.arange(len(rows)), rows[:, 1:]
    while len(left):
        on_front[left[0]] = True
        left = left[(rest[left] < rest[left[0]]).any(axis=1)]
    return on_front


def _volume(rows: Losses, reference: NDArray[np.float64]) -> float:
    """Return the volume of ascending rows of a front, by slices of the last column down to three."""
    columns = rows.shape[1]
    if columns == 1:
        return float(reference[0] - rows[0, 0])
    if columns == 2:  # the front descends in the second column
        heights = np.concatenate([reference[1:], rows[:-1, 1]]) - rows[:, 1]
        return float((reference[0] - rows[:, 0]) @ heights)
    if columns == 3:
        return _volume_of_three(rows, reference)
    order = np.argsort(rows[:, -1], kind="stable")
    ends = np.append(rows[order[1:], -1], reference[-1])
    volume = 0.0
    for count, (begin, end) in enumerate(zip(rows[order, -1], ends, strict=True), 1):
        if end > begin:  # rows that reach into this slice, without the last column
            volume += hypervolume(rows[np.sort(order[:count]), :-1], reference[:-1]) * float(end - begin)
    return volume


def _volume_of_three(rows: Losses, reference: NDArray[np.float64]) -> float:
    """Return the volume over a grid of the first two columns' values: at each cell the greatest depth of the
    rows up to it.
    """
    count = len(rows)
    order = np.argsort(rows[:, 1])
    depth = np.zeros((count, count))
    depth[np.arange(count), order.argsort()] = reference[2] - rows[:, 2]
    depth = np.maximum.accumulate(np.maximum.accumulate(depth, axis=0), axis=1)
    first = np.append(rows[1:, 0], reference[0]) - rows[:, 0]
    second = np.append(rows[order[1:], 1], reference[1]) - rows[order, 1]
    return float((depth @ second) @ first)
