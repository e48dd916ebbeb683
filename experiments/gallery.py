"""The register of ready studies: which folders there are and what each shows."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from bitfront.search.config import ReadyStudy
from bitfront.spaces import UserError

HERE = Path(__file__).resolve().parent

Study = ReadyStudy


PRESETS = ("quick", "paper")
"""What every study here also has as a YAML file of changes, for `--preset`: minutes on one core, hours."""


_STUDIES = (
    ("top_tagging_lstm", "Top-quark tagging with an LSTM over 20 jet constituents", "lstm"),
    ("top_tagging_gru", "Top-quark tagging with a GRU over 20 jet constituents", "gru"),
    (
        "top_tagging_transformer",
        "Top-quark tagging with a transformer over 20 jet constituents",
        "transformer",
    ),
    ("quickdraw_lstm", "Drawings of Quick, Draw! with an LSTM over 100 points", "lstm"),
    ("quickdraw_gru", "Drawings of Quick, Draw! with a GRU over 100 points", "gru"),
    ("flavour_tagging_lstm", "Bottom, charm and light jets with an LSTM over 15 tracks", "lstm"),
    ("flavour_tagging_gru", "Bottom, charm and light jets with a GRU over 15 tracks", "gru"),
    (
        "b_tagging_transformer",
        "Bottom, charm and light jets with a transformer over 15 tracks",
        "transformer",
    ),
    (
        "engine_anomaly_transformer",
        "Faulty engines with a transformer over 20 patches of noise",
        "transformer",
    ),
    ("gw_transformer", "Mergers in real LIGO noise with a transformer over 20 patches", "transformer"),
    ("japanese_vowels_lstm", "Speakers of Japanese vowels with an LSTM over 29 steps", "lstm"),
    ("jets_mlp", "Top-quark tagging with an MLP over 16 jet substructure features", "mlp"),
    ("fashion_mnist_cnn", "Images of clothes with a convolutional network", "cnn"),
    ("digits_cnn", "Handwritten digits with a small convolutional network", "cnn"),
    ("mnist", "MNIST with an MLP, beside published networks", "mlp"),
    ("dry_bean", "Seven varieties of dry beans with a small network, beside published networks", "mlp"),
    ("wine", "Three cultivars of wine with a linear model, beside published networks", "mlp"),
    ("jsc_openml", "Five classes of jets with an MLP, beside published networks", "mlp"),
    ("jet_constituents", "Five classes of jets from their constituents, beside published networks", "mlp"),
)


def gallery() -> tuple[Study, ...]:
    """Return the ready studies, the default one first."""
    return tuple(Study(name, title, family, HERE / name) for name, title, family in _STUDIES)


def ready_study(name: str) -> Study:
    """Return the ready study of this name.

    Raises:
        UserError: there is none; the names that there are stand in the message.
    """
    known = {study.name: study for study in gallery()}
    if name not in known:
        raise UserError(f"There is no ready study {name!r}: there are {', '.join(known)}.")
    return known[name]


def model_of(name: str, function: str = "build") -> Any:
    """Return a ready study's Keras model, uncompiled, with random weights, as its `model.py` builds it.

    Raises:
        UserError: there is no ready study of this name.
    """
    return _run(ready_study(name).folder / "model.py", function)


def data_of(name: str, *args: Any, **options: Any) -> dict[str, Any]:
    """Return a ready study's arrays, as `load` of its `data.py` gives them with these arguments.

    Raises:
        UserError: there is no ready study of this name, or what it needs is missing.
    """
    found: dict[str, Any] = _run(ready_study(name).folder / "data.py", "load", *args, **options)
    return found


def _run(file: Path, function: str, *args: Any, **options: Any) -> Any:
    return runpy.run_path(str(file))[function](*args, **options)
