"""Keras 2's SavedModel folders: the configuration in their metadata, the arrays in their checkpoint.

Nothing of the graph that such a folder holds is run: a TensorFlow graph may read and write files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .keras2 import from_saved
from .keras2_weights import Checkpoint
from .reading import MOST_CONFIG_BYTES, Reading, reason, refuse_lambda

if TYPE_CHECKING:
    import keras


class SavedModel:
    """A folder with `saved_model.pb`, `keras_metadata.pb` and `variables/`."""

    suffixes: tuple[str, ...] = ()

    def takes(self, path: Path) -> bool:
        """Whether such a folder lies there."""
        return (path / "saved_model.pb").is_file()

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model.

        Raises:
            UserError: when it wasn't saved by Keras 2, or holds what Keras 3 can't compute.
        """
        file = path / "keras_metadata.pb"
        if not file.is_file():
            raise UserError(
                f"model: {path} holds a graph without its Keras layers (no keras_metadata.pb): save the "
                "model as .keras."
            )
        size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        if file.stat().st_size > MOST_CONFIG_BYTES or size > reading.most_bytes:
            raise UserError(f"model: {path} is too large: {size:,} bytes.")
        try:
            text = _root_metadata(file.read_bytes())
            saved: dict[str, Any] = json.loads(text)
        except (ValueError, IndexError, StopIteration) as error:
            raise UserError(f"model: {path} isn't a sound SavedModel ({reason(error)}).") from None
        refuse_lambda(text, path, trust=reading.trust)
        variables = path / "variables" / "variables"
        try:
            weights = Checkpoint(variables)
        except UserError as error:
            raise UserError(f"model: {path}: {error}.") from None

        def original(keras2: Any) -> Any:
            # from the configuration: loading the folder would bring its graph
            described = {"class_name": saved["class_name"], "config": _tuples(saved["config"])}
            model = keras2.models.model_from_json(json.dumps(described))
            model.load_weights(str(variables)).expect_partial()
            return model

        return from_saved(saved, weights, str(path), original)


def _tuples(value: Any) -> Any:
    """Return the configuration with lists for what is marked as tuples."""
    if isinstance(value, dict):
        if value.get("class_name") in {"__tuple__", "TensorShape"}:
            return [_tuples(one) for one in value["items"]]
        return {key: _tuples(one) for key, one in value.items()}
    return [_tuples(one) for one in value] if isinstance(value, list) else value


def _root_metadata(content: bytes) -> str:
    """Return the JSON of the root object in `keras_metadata.pb`.

    The file is a protocol buffer: repeated objects in field 1, of which field 3 is the path (`root`) and
    field 5 the JSON (`saved_metadata.proto` of Keras 2).

    Raises:
        StopIteration: where it has no root.
        ValueError: where it is damaged.
    """
    for number, value in _fields(content):
        if number == 1 and isinstance(value, bytes):
            parts = dict(_fields(value))
            if parts.get(3) == b"root":
                return bytes(parts[5]).decode("utf-8")
    raise StopIteration("it has no root object")


def _fields(content: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield (field number, value) of a protocol buffer: numbers and pieces of bytes."""
    place = 0
    while place < len(content):
        tag, place = _number(content, place)
        kind = tag & 7
        if kind == 0:
            value, place = _number(content, place)
            yield tag >> 3, value
        elif kind == 2:
            size, place = _number(content, place)
            if place + size > len(content):
                raise ValueError("it is cut off")
            yield tag >> 3, content[place : place + size]
            place += size
        else:
            raise ValueError("it holds another kind of field")


def _number(content: bytes, place: int) -> tuple[int, int]:
    found, shift = 0, 0
    while True:
        byte = content[place]
        found |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return found, place
