"""Pythia 8 and FastJet, as all generators of jets here start and use them.

Both are the optional extra `jets`, under the GPL, which is why nothing but the generators imports this
module.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bitfront.spaces import ToolMissing, UserError

from ..command import Command, returns_exit_code


def generators() -> tuple[Any, Any]:
    """Return the modules of Pythia 8 and FastJet.

    Raises:
        ToolMissing: one is not installed.
    """
    try:
        import fastjet
        import pythia8mc
    except ImportError as error:
        raise ToolMissing(
            f'Generating jets needs {error.name}, which is not installed; run pip install "bitfront[jets]".'
        ) from error
    return pythia8mc, fastjet


def started(pythia8: Any, settings: Sequence[str], seed: int) -> Any:
    """Return a Pythia that is ready for events; `seed` is Pythia's (1 to 900,000,000).

    Raises:
        RuntimeError: Pythia refuses a setting or can't start.
    """
    pythia = pythia8.Pythia("", False)
    for line in (*settings, "Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}"):
        if not pythia.readString(line):
            raise RuntimeError(f"Pythia refused the setting {line!r}.")
    if not pythia.init():
        raise RuntimeError("Pythia could not be initialised.")
    return pythia


def pythia_seeds(seed: int, kinds: int) -> tuple[list[int], int]:
    """Return a seed of Pythia for each kind of events, and one for the order of the sample."""
    *streams, order = np.random.SeedSequence(seed).generate_state(kinds + 1)
    return [int(stream) % 900_000_000 + 1 for stream in streams], int(order)


def write_sample(sample: Any, about: dict[str, Any], path: Path, **names: Sequence[str]) -> None:
    """Write a sample (a named tuple of arrays) as `.npz` without pickled objects: its fields, `names`,
    settings.
    """
    arrays: dict[str, Any] = sample._asdict() | {key: np.array(value) for key, value in names.items()}
    arrays["settings"] = np.array(json.dumps(about, sort_keys=True))
    np.savez_compressed(path, **arrays)


def sample_command(
    description: str,
    jets: int,
    shares: str,
    *,
    generate: Callable[[int, int], Any],
    settings: Callable[[int, int], dict[str, Any]],
    save: Callable[[Any, dict[str, Any], Path], None],
) -> Command:
    """Return the command line of a generator: so many jets, a seed and a file; `shares` says how they
    divide.
    """

    @returns_exit_code
    def main(arguments: list[str] | None = None) -> None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--jets", type=int, default=jets, help=f"jets in total, {shares} ({jets})")
        parser.add_argument("--seed", type=int, default=7, help="seed of the whole sample (7)")
        parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
        options = parser.parse_args(arguments)
        if not options.out.absolute().parent.is_dir():
            raise UserError(f"The folder of --out {options.out} does not exist; create it first.")
        if options.seed < 0:
            raise UserError(f"--seed must not be negative, but is {options.seed}.")
        sample = generate(options.jets, options.seed)
        save(sample, settings(options.jets, options.seed), options.out)
        print(f"{options.out}: {len(sample.y)} jets, {options.out.stat().st_size / 1e6:.1f} MB")

    return main
