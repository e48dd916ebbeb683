"""Reads windows of whitened strain, and those at real events as sequences of patches."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitfront.experiments.datasets import brought
from bitfront.spaces import UserError

NOISE, INJECTED, REAL = 0, 1, 2
"""Labels of a stored window: noise; the same noise with an injected merger; at or near a real event."""
STEPS = 20
"""Patches that a window is cut into; a patch holds its samples of both detectors."""
CLIP = 4.0
"""Strain stops at this many standard deviations of the noise."""


class Windows(NamedTuple):
    """Windows as stored.

    Attributes:
        X: float32 of shape (windows, samples, detectors), whitened strain in standard deviations of the
            noise.
        y: uint8 of shape (windows,), see `NOISE`, `INJECTED`, `REAL`.
        event: uint8 of shape (windows,), index into `names`.
        names: the event near which the noise was recorded, or the name of a simulated stretch.
        snr: float32 of shape (windows,), network signal-to-noise ratio of the injection, 0 without one.
    """

    X: NDArray[np.float32]
    y: NDArray[np.uint8]
    event: NDArray[np.uint8]
    names: tuple[str, ...]
    snr: NDArray[np.float32]


def default_path() -> Path:
    """Return where the windows are looked for: `BITFRONT_GW`, else `data/gw_windows.npz` of the shared
    folder.
    """
    return brought("BITFRONT_GW", "gw_windows.npz")


def read_windows(path: str | Path | None = None) -> Windows:
    """Read a file of windows.

    Raises:
        UserError: the file is missing or holds something else.
    """
    source = Path(path) if path is not None else default_path()
    try:
        with np.load(source, allow_pickle=False) as stored:
            names = tuple(str(name) for name in stored["event_names"])
            return Windows(
                stored["X"].astype(np.float32), stored["y"], stored["event"], names, stored["inj_snr"]
            )
    except FileNotFoundError:
        raise UserError(
            f"There are no gravitational-wave windows at {source}: set BITFRONT_GW to a file, or write one "
            "with python -m bitfront.experiments.gw.generate (pip install 'bitfront[gw]')."
        ) from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} is not a file of gravitational-wave windows ({error}).") from None


def patches(x: NDArray[np.float32], steps: int = STEPS) -> NDArray[np.float32]:
    """Return windows (n, samples, detectors) as sequences (n, steps, samples / steps * detectors), clipped at
    `CLIP`.

    Raises:
        UserError: when the samples can't be shared out evenly.
    """
    if x.shape[1] % steps:
        raise UserError(f"{x.shape[1]} samples can't be cut into {steps} patches of one length.")
    return np.clip(x, -CLIP, CLIP).reshape(len(x), steps, -1).astype(np.float32)


def real_events(path: str | Path | None = None, steps: int = STEPS) -> dict[str, NDArray[np.float32]]:
    """Return the windows at or near each real event, by its name, as the study's data are cut."""
    windows = read_windows(path)
    found = {
        name: windows.X[(windows.y == REAL) & (windows.event == i)] for i, name in enumerate(windows.names)
    }
    return {name: patches(x, steps) for name, x in found.items() if len(x)}
