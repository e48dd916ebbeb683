"""`.keras` files, of Keras 3 and of Keras 2 (`tf_keras`)."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .keras2 import from_saved
from .keras2_weights import from_h5
from .reading import MOST_CONFIG_BYTES, Reading, reason, refuse_lambda

if TYPE_CHECKING:
    import keras


class KerasArchive:
    """A zip archive of a configuration and an HDF5 file of weights."""

    suffixes: tuple[str, ...] = (".keras",)

    def takes(self, path: Path) -> bool:
        """Whether it is called so."""
        return path.name.lower().endswith(self.suffixes)

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model.

        Raises:
            UserError: when it is damaged, too large, holds a Lambda without trust, or layers that Keras 3
                can't load.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                info = archive.getinfo("config.json")
                if info.file_size > MOST_CONFIG_BYTES:
                    raise UserError(
                        f"model: {path} claims a description of {info.file_size:,} bytes: save it again."
                    )
                total = sum(member.file_size for member in archive.infolist())
                if total > reading.most_bytes:
                    raise UserError(
                        f"model: {path} claims {total:,} bytes, more than half of this machine's memory."
                    )
                text = archive.read(info).decode("utf-8")
                version = _version(archive)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(
                f"model: {path} isn't a sound .keras file ({error}): save it again with Keras."
            ) from None
        refuse_lambda(text, path, trust=reading.trust)
        if version.startswith("2."):
            return _of_keras2(path, text)
        return loaded(path, text, trust=reading.trust)


def _version(archive: zipfile.ZipFile) -> str:
    """Return the version of Keras that wrote the archive, empty where it doesn't say."""
    if "metadata.json" not in archive.namelist():
        return ""
    found = json.loads(archive.read("metadata.json"))
    return str(found.get("keras_version", "")) if isinstance(found, dict) else ""


def _of_keras2(path: Path, text: str) -> keras.Model:
    import h5py

    with zipfile.ZipFile(path) as archive:
        try:
            saved: dict[str, Any] = json.loads(text)
            with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
                weights = from_h5(file)
                return from_saved(
                    saved,
                    weights,
                    str(path),
                    lambda keras2: keras2.models.load_model(path, compile=False, safe_mode=True),
                )
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"model: {path} isn't a sound .keras file ({reason(error)}): save it again with Keras."
            ) from None


def loaded(path: Path, text: str, *, trust: bool) -> keras.Model:
    """Return the model that Keras 3 loads from a file of its own, whose description is `text`.

    Raises:
        UserError: where Keras can't.
    """
    import keras

    custom: dict[str, Any] = {}
    if "qkeras" in text or '"class_name": "Q' in text:
        from qkeras.utils import _add_supported_quantized_objects

        _add_supported_quantized_objects(custom)
    if "bitfront>" in text:
        import bitfront.hls.keras_layers  # noqa: F401 - registers its layers
    try:
        return keras.models.load_model(path, custom_objects=custom, compile=False, safe_mode=not trust)
    except Exception as error:  # Keras raises whatever a layer's constructor does
        raise UserError(
            f"model: Keras can't load {path} ({reason(error)}): for layers of your own, name a function that "
            f"builds the model."
        ) from None
