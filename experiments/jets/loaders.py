"""Readers of the jet samples that the generators write, and that ship."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

SHIPPED = Path(__file__).with_name("top_tagging.npz")
"""12,000 jets made by `python -m bitfront.experiments.jets.generate --jets 12000 --seed 7`."""


FLAVOUR = Path(__file__).with_name("flavour_tagging.npz")
"""18,000 jets made by `python -m bitfront.experiments.jets.flavour --jets 18000 --seed 7`."""


class Jets(NamedTuple):
    """A sample as stored.

    Attributes:
        X: float32 of shape (jets, 20, 6), the features named in `generate.FEATURES`.
        jet: float32 of shape (jets, 4): pT and eta, mass and multiplicity over all constituents.
        y: uint8 of shape (jets,), 1 for top and 0 for QCD.
        settings: JSON text with the physics settings that made the sample.
    """

    X: NDArray[np.float32]
    jet: NDArray[np.float32]
    y: NDArray[np.uint8]
    settings: str


def read_sample(path: str | Path | None = None) -> Jets:
    """Read a sample written by the generator, by default the one that ships.

    Raises:
        UserError: the file is missing or is not a sample of the generator.
    """
    source = Path(path) if path is not None else SHIPPED
    try:
        with np.load(source, allow_pickle=False) as stored:
            return Jets(stored["X"].astype(np.float32), stored["jet"], stored["y"], str(stored["settings"]))
    except FileNotFoundError:
        raise UserError(
            f"There is no jet sample {source}; write one with python -m bitfront.experiments.jets.generate."
        ) from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} is not a jet sample of the generator ({error}); write it again.") from None


def read_flavours(path: str | Path | None = None) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read a sample of `jets.flavour`, by default the one that ships: tracks (jets, 15, 6), and 0, 1 or 2 for
    light, c and b.

    Raises:
        UserError: the file is missing or is not a sample of the generator.
    """
    source = Path(path) if path is not None else FLAVOUR
    try:
        with np.load(source, allow_pickle=False) as stored:
            stored["flavours"]
            return stored["X"].astype(np.float32), stored["y"]
    except FileNotFoundError:
        raise UserError(
            f"There is no flavour sample {source}; write one with python -m "
            "bitfront.experiments.jets.flavour."
        ) from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{source} is not a flavour sample of the generator ({error}); write it again."
        ) from None
