"""The register of ready studies: which folders there are and what each shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Study:
    """One ready study: a folder with study.yaml, model.py, data.py and README.md.

    Attributes:
        name: the folder's name.
        title: one line on what is searched.
        family: the kind of network: "lstm", "gru", "mlp", "cnn" or "transformer".
        folder: where it lies, absolute.
    """

    name: str
    title: str
    family: str
    folder: Path

    @property
    def file(self) -> Path:
        """The study file, ready for `bitfront run`."""
        return self.folder / "study.yaml"


_STUDIES = (
    ("top_tagging_lstm", "Top-quark tagging with an LSTM over 20 jet constituents", "lstm"),
    ("top_tagging_gru", "Top-quark tagging with a GRU over 20 jet constituents", "gru"),
    (
        "top_tagging_transformer",
        "Top-quark tagging with a transformer over 20 jet constituents",
        "transformer",
    ),
    ("gw_transformer", "Mergers in real LIGO noise with a transformer over 20 patches", "transformer"),
    ("jets_mlp", "Top-quark tagging with an MLP over 16 jet substructure features", "mlp"),
    ("digits_cnn", "Handwritten digits with a small convolutional network", "cnn"),
)


def gallery() -> tuple[Study, ...]:
    """Return the ready studies, the default one first."""
    return tuple(Study(name, title, family, HERE / name) for name, title, family in _STUDIES)
