"""The files that a model comes in: one `ModelFormat` each, asked in turn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bitfront.search.config.base import nearest
from bitfront.spaces import UserError

from .archive import KerasArchive
from .h5 import Json, WholeH5
from .onnx_file import OnnxFile
from .reading import Reading
from .saved_model import SavedModel
from .torch_program import TorchProgram
from .weights_only import given_weights

if TYPE_CHECKING:
    import keras


class ModelFormat(Protocol):
    """One kind of file."""

    suffixes: tuple[str, ...]
    """How its names end, in lower case."""

    def takes(self, path: Path) -> bool:
        """Whether a path is a file of this kind, as far as its name and what lies there say."""
        ...

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model, with the weights of the file.

        Raises:
            UserError: in one sentence: what in it can't be read, or would be computed otherwise.
        """
        ...


FORMATS: tuple[ModelFormat, ...] = (
    KerasArchive(),
    WholeH5(),
    Json(),
    SavedModel(),
    OnnxFile(),
    TorchProgram(),
)
SUFFIXES = tuple(suffix for one in FORMATS for suffix in one.suffixes)
"""How names of model files end."""


def format_of(path: Path) -> ModelFormat | None:
    """Return the format of a file or folder, None where its name and place tell none."""
    return next((one for one in FORMATS if one.takes(path)), None)


def read_model(path: Path, reading: Reading) -> keras.Model:
    """Return the Keras model in a file or folder.

    Raises:
        UserError: in one sentence: there's no such file, it isn't sound, or holds what can't be computed.
    """
    known = format_of(path)
    if known is None:
        raise UserError(f"model: {path} is no model file: give one of {', '.join(SUFFIXES)}.")
    if not path.exists():
        raise UserError(f"model: there's no file {path}: {_near(path, known.suffixes)}.")
    return known.read(path, reading)


def load_weights(model: keras.Model, path: Path, reading: Reading) -> None:
    """Give a built model the weights of a file: `.weights.h5`, or an `.h5` of Keras 2 or 3, by layer name.

    Raises:
        UserError: in one sentence: there's no such file, or it has other layers or shapes.
    """
    if not path.exists():
        raise UserError(f"model_weights: there's no file {path}: {_near(path, ('.h5', '.hdf5'))}.")
    given_weights(model, path, reading.most_bytes)


def _near(path: Path, suffixes: tuple[str, ...]) -> str:
    there = sorted(one.name for one in path.parent.iterdir()) if path.parent.is_dir() else []
    near = [name for name in there if name.lower().endswith(suffixes)] if suffixes else []
    return nearest(path.name, near).rstrip("?") if near else "correct the path, or save the model there"
