r"""Inject binary mergers into noise: simulated, or of GWOSC strain files. Needs `pip install 'bitfront[gw]'`.

python -m bitfront.experiments.gw.generate --out gw.npz --pairs 4000 --seed 7
python -m bitfront.experiments.gw.generate --out gw.npz --pairs 4000 \
    --strain GW150914:H1.hdf5,L1.hdf5 --strain ...

Mergers: IMRPhenomD (Khan et al. 2016, arXiv:1508.07253), component masses uniform in 20 to 60 solar masses,
aligned spins uniform in -0.8 to 0.8, sky position, inclination and polarization isotropic, whitened by the
design sensitivity of Advanced LIGO (LIGO-T0900288). The merger lies anywhere in the last four fifths of the
window. The network's signal-to-noise ratio within the window is uniform in 8 to 40. Every injection has a
window of the same noise without it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import ToolMissing, UserError

from ..command import returns_exit_code
from .strain import BAND, RATE, WINDOW, cut, read_strain, whiten

SNR = (8.0, 40.0)
MASSES = (20.0, 60.0)
"""Solar masses."""
SPINS = (-0.8, 0.8)
SPAN_S = 1
"""Seconds that a waveform is computed over."""
STRETCHES = ("simulated-1", "simulated-2", "simulated-3", "simulated-4")
"""Names of the parts of simulated noise, which are split like events."""


def _lal() -> tuple[Any, Any]:
    try:
        import lal
        import lalsimulation
    except ImportError:
        raise ToolMissing("The generator needs LALSuite: pip install 'bitfront[gw]'.") from None
    return lal, lalsimulation


def waveform(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a whitened merger as both detectors see it, (`WINDOW`, 2), of unit norm.

    Raises:
        ToolMissing: without LALSuite.
    """
    lal, simulation = _lal()
    samples, step = RATE * SPAN_S, 1.0 / SPAN_S
    frequencies = np.arange(samples // 2 + 1) * step
    masses = rng.uniform(*MASSES, 2) * lal.MSUN_SI
    spins = rng.uniform(*SPINS, 2)
    plus, cross = simulation.SimInspiralChooseFDWaveform(
        *masses,
        0,
        0,
        spins[0],
        0,
        0,
        spins[1],
        4e8 * lal.PC_SI,
        np.arccos(rng.uniform(-1, 1)),
        rng.uniform(0, 2 * np.pi),
        0,
        0,
        0,
        step,
        20.0,
        RATE / 2,
        20.0,
        lal.CreateDict(),
        simulation.IMRPhenomD,
    )
    power = np.array([simulation.SimNoisePSDaLIGOZeroDetHighPower(max(f, 10.0)) for f in frequencies])
    band = (frequencies >= BAND[0]) & (frequencies <= BAND[1])
    sky = (rng.uniform(0, 2 * np.pi), np.arcsin(rng.uniform(-1, 1)), rng.uniform(0, np.pi))
    merger = rng.uniform(0.2, 1.0) * WINDOW / RATE
    columns = []
    for number in (lal.LHO_4K_DETECTOR, lal.LLO_4K_DETECTOR):
        site = lal.CachedDetectors[number]
        response = lal.ComputeDetAMResponse(site.response, *sky, 0.0)
        delay = lal.TimeDelayFromEarthCenter(site.location, sky[0], sky[1], lal.LIGOTimeGPS(0))
        signal = response[0] * plus.data.data + response[1] * cross.data.data
        signal = np.pad(signal, (0, len(frequencies) - len(signal))) * band / np.sqrt(power)
        turned = signal * np.exp(-2j * np.pi * frequencies * (merger + delay))
        columns.append(np.fft.irfft(turned, samples)[:WINDOW])
    found = np.stack(columns, -1)
    return found / np.sqrt(np.square(found).sum())


def simulated_noise(windows: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return whitened Gaussian noise within `BAND`, unit deviation: (windows, `WINDOW`, 2)."""
    samples = windows * WINDOW
    columns = []
    for _ in range(2):
        spectrum = np.fft.rfft(rng.normal(size=samples))
        grid = np.fft.rfftfreq(samples, 1 / RATE)
        spectrum[(grid < BAND[0]) | (grid > BAND[1])] = 0.0
        white = np.fft.irfft(spectrum, samples)
        columns.append(white / white.std())
    return cut(columns)


def recorded_noise(text: str) -> tuple[str, NDArray[np.float32]]:
    """Read `NAME:H1.hdf5,L1.hdf5` and return the name and windows, those within 1 s of the middle (the event)
    left out.

    Raises:
        UserError: when the text or a file can't be read.
    """
    name, _, files = text.partition(":")
    paths = files.split(",")
    if not name or len(paths) != 2:
        raise UserError(f"--strain {text!r} is not NAME:H1.hdf5,L1.hdf5.")
    (first, one), (second, two) = (read_strain(path) for path in paths)
    if first != second or len(one) != len(two):
        raise UserError(f"--strain {name}: the two files don't cover the same time.")
    white = [whiten(one), whiten(two)]
    middle = len(white[0]) // 2
    return name, cut(white, avoid=(middle - RATE, middle + RATE))


def make(pairs: int, seed: int, strain: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file of windows: `pairs` of each class, spread over the events.

    Raises:
        UserError: when fewer than three events are given.
        ToolMissing: without LALSuite.
    """
    rng = np.random.default_rng(seed)
    if strain:
        noise = dict(recorded_noise(text) for text in strain)
    else:
        each = -(-pairs // len(STRETCHES))
        noise = {name: simulated_noise(each, rng) for name in STRETCHES}
    if len(noise) < 3:
        raise UserError(f"A split by event needs three events, {len(noise)} are given with --strain.")
    share = pairs // len(noise)
    x: list[NDArray[Any]] = []
    y: list[int] = []
    event: list[int] = []
    ratios: list[float] = []
    for index, windows in enumerate(noise.values()):
        for row in rng.permutation(len(windows))[:share]:
            ratio = rng.uniform(*SNR)
            x += [windows[row], windows[row] + ratio * waveform(rng)]
            y, event, ratios = [*y, 0, 1], [*event, index, index], [*ratios, 0.0, ratio]
    return {
        "X": np.asarray(x, np.float16),
        "y": np.asarray(y, np.uint8),
        "event": np.asarray(event, np.uint8),
        "event_names": np.asarray(list(noise)),
        "inj_snr": np.asarray(ratios, np.float32),
    }


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bitfront.experiments.gw.generate")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    parser.add_argument("--pairs", type=int, default=4000, help="windows of each class (4000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--strain", action="append", default=[], metavar="NAME:H1,L1", help="GWOSC files of an event; repeat"
    )
    options = parser.parse_args(arguments)
    arrays: dict[str, Any] = make(options.pairs, options.seed, options.strain)
    np.savez_compressed(options.out, **arrays)


if __name__ == "__main__":
    sys.exit(main())
