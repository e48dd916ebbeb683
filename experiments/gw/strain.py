"""From GWOSC strain files (HDF5) to whitened windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

RATE = 2048
"""Samples a second of the windows."""
BAND = (30.0, 700.0)
"""Hertz kept by the whitening."""
WINDOW = 200
"""Samples of a window, 98 ms."""
SEGMENT_S = 4.0
"""Seconds of one segment of Welch's average, and what is dropped at each end of a whitened stretch."""


def read_strain(path: str | Path) -> tuple[float, NDArray[np.float64]]:
    """Read a GWOSC file (`strain/Strain`, its `Xspacing`, and `meta/GPSstart`) and bring it to `RATE`.

    Returns:
        The GPS time of the first sample and the strain, shape (samples,).

    Raises:
        UserError: the file is missing, is not one of GWOSC's, has gaps, or a rate that `RATE` doesn't divide.
    """
    import h5py
    from scipy.signal import decimate

    try:
        with h5py.File(path, "r") as file:
            strain = file["strain/Strain"]
            rate = round(1.0 / float(strain.attrs["Xspacing"]))
            start = float(np.asarray(file["meta/GPSstart"]))
            values = np.asarray(strain, np.float64)
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is not a strain file of GWOSC ({error}).") from None
    if not np.isfinite(values).all():
        raise UserError(f"{path} has gaps (NaN): cut a stretch without them first.")
    if rate % RATE:
        raise UserError(f"{path} has {rate} samples a second, which is no multiple of {RATE}.")
    return start, decimate(values, rate // RATE, ftype="fir") if rate > RATE else values


def whiten(strain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `strain` (samples,) over its own amplitude spectrum (Welch, median), within `BAND`, unit
    deviation.

    `SEGMENT_S` at each end, where the filter wraps around, are dropped.

    Raises:
        UserError: when the stretch is shorter than 16 segments.
    """
    from scipy.signal import welch

    edge = int(SEGMENT_S * RATE)
    if len(strain) < 16 * edge:
        raise UserError(
            f"Whitening needs {16 * SEGMENT_S:g} s of strain, {len(strain) / RATE:g} s were given."
        )
    frequencies, power = welch(strain, RATE, nperseg=edge, average="median")
    grid = np.fft.rfftfreq(len(strain), 1 / RATE)
    spectrum = np.fft.rfft(strain) / np.sqrt(np.interp(grid, frequencies, power))
    spectrum[(grid < BAND[0]) | (grid > BAND[1])] = 0.0
    white = np.fft.irfft(spectrum, len(strain))[edge:-edge]
    return white / white.std()


def cut(
    detectors: Sequence[NDArray[np.float64]], *, window: int = WINDOW, avoid: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return windows side by side of whitened strain of equal length: (windows, `window`, detectors).

    `avoid`: first and last sample of a stretch that no window may touch, around an event.

    Raises:
        UserError: when the detectors' stretches differ in length.
    """
    if len({len(d) for d in detectors}) != 1:
        raise UserError("The detectors' strain must cover the same time.")
    x = np.stack(detectors, -1)
    starts = np.arange(0, len(x) - window + 1, window)
    if avoid is not None:
        starts = starts[(starts + window <= avoid[0]) | (starts > avoid[1])]
    return x[starts[:, None] + np.arange(window)].astype(np.float32)
