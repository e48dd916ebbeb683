"""Takes a validation split from the training samples, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.int64]


def shuffled(count: int, held: int, seed: int) -> tuple[Order, Order]:
    """Return which samples are held out, and which train, drawn without regard to their labels."""
    order = np.random.default_rng(seed).permutation(count)
    return order[:held], order[held:]


def stratified(labels: Sequence[NDArray[Any]], held: int, seed: int) -> tuple[Order, Order]:
    """Return which samples are held out, and which train, so that about the same share of every class is held
    out.

    A class of two samples or more is in both parts. Of several outputs, the rarest class is dealt with first
    (Sechidis et al., "On the Stratification of Multi-label Data", 2011); with one output, no class is off its
    share by a whole sample, as far as each has a sample in both parts.

    Args:
        labels: class numbers of the samples, an array an output that decides a class.
        held: how many samples to hold out, of more.
        seed: of the draw.
    """
    count = len(labels[0])
    order = np.random.default_rng(seed).permutation(count)
    share = held / count
    drawn = [one[order] for one in labels]
    whole = [np.bincount(one) for one in drawn]
    out_of, train_of = ([np.zeros_like(one) for one in whole] for _ in range(2))
    left, out = np.ones(count, bool), np.zeros(count, bool)
    due = 0.0  # what rounding owes the samples held out so far
    while left.any():
        remaining = [np.bincount(one[left], minlength=len(n)) for one, n in zip(drawn, whole, strict=True)]
        rarest = [int(np.where(n, n, count + 1).argmin()) for n in remaining]
        output = min(range(len(drawn)), key=lambda i: remaining[i][rarest[i]])
        one = rarest[output]
        members = np.flatnonzero((drawn[output] == one) & left)
        wanted = share * whole[output][one] - out_of[output][one]
        several = whole[output][one] > 1
        least = int(several and not out_of[output][one])
        most = len(members) - int(several and not train_of[output][one])
        taken = max(0, least, min(round(wanted + due), most))
        due += wanted - taken
        left[members] = False
        out[members[:taken]] = True
        for i, y in enumerate(drawn):
            out_of[i] += np.bincount(y[members[:taken]], minlength=len(whole[i]))
            train_of[i] += np.bincount(y[members[taken:]], minlength=len(whole[i]))
    return order[out], order[~out]
