"""The data of this study: windows of whitened strain of two detectors, split by the event they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# reads what bitfront.experiments.gw.generate writes
from bitfront.experiments.gw import REAL, read_windows
from bitfront.spaces import UserError

STEPS = 20
"""Patches that a window is cut into; a patch holds its samples of both detectors."""
CLIP = 4.0
"""Strain stops at this many standard deviations of the noise, so that three integer bits hold it."""


def load(path: str | Path | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Noise (0) against injected mergers (1), as sequences of shape (windows, 20, 20). Each injection shares its
    noise with a window of class 0, so a split at random would let a model learn the noise: the last event
    tests, the last but one validates. Windows at a real event are left out.

    Args:
        path: a file of windows; by default what `BITFRONT_GW` names, else the shared data's file.

    Raises:
        UserError: the file can't be read, or has fewer than three events.
    """
    windows = read_windows(path)
    used = windows.y != REAL
    events = np.unique(windows.event[used])
    if len(events) < 3:
        raise UserError(f"A split by event needs three events, the file has {len(events)}.")
    data: dict[str, NDArray[Any]] = {}
    rng = np.random.default_rng(0)
    for part, chosen in (("train", events[:-2]), ("val", events[-2:-1]), ("test", events[-1:])):
        rows = rng.permutation(np.flatnonzero(used & np.isin(windows.event, chosen)))
        x = np.clip(windows.X[rows], -CLIP, CLIP).reshape(len(rows), STEPS, -1)
        data[f"x_{part}"], data[f"y_{part}"] = x.astype(np.float32), windows.y[rows].astype(np.int32)
    return data
