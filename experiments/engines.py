"""Synthetic engine noise with and without a fault, where a user brings no FordA of the UCR archive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLES = 500
"""Length of a recording, as FordA's."""
RECORDINGS = 4_800
"""Synthetic recordings, about as many as FordA has (3,601 and 1,320)."""


def synthetic_engines(recordings: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make recordings (n, 500) of an engine, and labels, half of them 1.

    Synthetic, and no FordA: six harmonics of a rotation of 6 to 12 turns a recording, amplitudes falling with
    random phases, in pink noise. A faulty engine has a short knock at the same place of every second turn: a
    decaying oscillation, at first 0.6 to 1.2 deviations of the rest.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(recordings) % 2)
    time = np.arange(SAMPLES) / SAMPLES
    turns = rng.uniform(6, 12, (recordings, 1)) * (
        1 + 0.02 * np.cumsum(rng.normal(size=(recordings, SAMPLES)), 1) / SAMPLES
    )
    phase = 2 * np.pi * (turns * time + rng.uniform(size=(recordings, 1)))
    x = np.zeros((recordings, SAMPLES))
    for order in range(1, 7):
        amplitude = rng.uniform(0.3, 1, (recordings, 1)) / order
        x += amplitude * np.sin(order * phase + rng.uniform(0, 2 * np.pi, (recordings, 1)))
    spectrum = np.fft.rfft(rng.normal(size=x.shape))
    x += 0.5 * np.fft.irfft(spectrum / np.sqrt(1 + np.arange(spectrum.shape[1]) / 4), SAMPLES)
    since = np.mod(phase / (4 * np.pi), 1) * SAMPLES / (turns / 2)  # samples since the last knock
    knock = np.exp(-since / 12) * np.sin(2 * np.pi * since / 7)
    x += labels[:, None] * rng.uniform(0.6, 1.2, (recordings, 1)) * x.std(1, keepdims=True) * knock
    return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), labels
