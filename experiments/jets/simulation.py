"""Pythia 8 and FastJet, as all generators of jets here start and use them.

Both are the optional extra `jets`, under the GPL, which is why nothing but the generators imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bitfront.spaces import ToolMissing


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
