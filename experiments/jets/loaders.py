"""Loaders of the jet samples: as sequences of constituents or of tracks, and as high-level features."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitfront.experiments.datasets import Dataset, Fractions, split_dataset, standardise
from bitfront.spaces import UserError

from .substructure import HEAVY_TAILED, SUBSTRUCTURE, substructure

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


def load_top_tagging(
    path: str | Path | None = None, fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0
) -> Dataset:
    """Load top against QCD jets as sequences of shape (jets, 20, 6), hardest constituent first.

    Each feature has zero mean and unit deviation over the constituents of the training jets and is clipped at
    four deviations; absent constituents stay zero. Labels: 1 for top, 0 for QCD.

    Args:
        path: a file of the generator; by default the sample that ships.
        fractions: shares of the train, validation and test parts, stratified by class.
        seed: of the split.
    """
    jets = read_sample(path)
    data = split_dataset(jets.X, jets.y, fractions, seed)
    # ln(pT / jet pT) is negative for every constituent and zero only where padding is.
    present = {key: data[key][..., 1] < 0 for key in ("x_train", "x_val", "x_test")}
    return standardise(data, present)


def load_jets_mlp(
    path: str | Path | None = None, fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0
) -> Dataset:
    """Load the same jets as 16 high-level features, shape (jets, 16), in the order of `SUBSTRUCTURE`.

    The heavy-tailed ones enter as logarithms; all have zero mean and unit deviation over the training jets
    and are clipped at four deviations. The split of equal `seed` is that of `load_top_tagging`.
    """
    jets = read_sample(path)
    x = substructure(jets.X, jets.jet)
    tails = [SUBSTRUCTURE.index(name) for name in HEAVY_TAILED]
    # A jet with fewer than three constituents has no three-point correlation: keep its logarithm finite.
    x[:, tails] = np.log(np.maximum(x[:, tails], 1e-8))
    return standardise(split_dataset(x, jets.y, fractions, seed))


def load_flavour_tagging(
    path: str | Path | None = None, fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0
) -> Dataset:
    """Load jets of light quarks or gluons (0), charm (1) and bottom (2) as tracks, shape (jets, 15, 6).

    The most displaced track comes first. Impact parameters and their significances span decades and enter as
    sign(v) ln(1 + |v| / unit), with units of 0.05 mm and of 1; then each feature has zero mean and unit deviation over
    the tracks of the training jets and is clipped at four deviations. Absent tracks stay zero.

    Args:
        path: a file of `jets.flavour`; by default the sample that ships.
        fractions: shares of the train, validation and test parts, stratified by class.
        seed: of the split.

    Raises:
        UserError: the file is missing or is not a sample of the generator.
    """
    source = Path(path) if path is not None else FLAVOUR
    try:
        with np.load(source, allow_pickle=False) as stored:
            x, y = stored["X"].astype(np.float32), stored["y"]
            stored["flavours"]
    except FileNotFoundError:
        raise UserError(
            f"There is no flavour sample {source}; write one with python -m bitfront.experiments.jets.flavour."
        ) from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{source} is not a flavour sample of the generator ({error}); write it again."
        ) from None
    for column, unit in enumerate((0.05, 1.0, 0.05, 1.0)):
        x[..., column] = np.sign(x[..., column]) * np.log1p(np.abs(x[..., column]) / unit)
    data = split_dataset(x, y, fractions, seed)
    # the distance to the axis is positive for every track and zero only where padding is
    present = {key: data[key][..., 5] > 0 for key in ("x_train", "x_val", "x_test")}
    return standardise(data, present)
