"""Layers of the user's own in a saved model: Keras can only load them once the file that defines them was
imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError, is_own

from .user_code import UserFunction

if TYPE_CHECKING:
    import keras


def check_registered(model: keras.Model) -> None:
    """Refuse layers of the user's own that Keras could save but not load: the export of a trial would fail.

    Raises:
        UserError: naming each, and the line that helps.
    """
    import keras

    unknown = [
        f"{layer.name!r} ({type(layer).__name__})"
        for layer in model._flatten_layers(include_self=False)
        if is_own(layer)
        and keras.saving.get_registered_object(keras.saving.get_registered_name(type(layer))) is None
    ]
    if unknown:
        raise UserError(
            f"model: Keras can't load {', '.join(unknown)} from a file, as every export does: write "
            "@keras.saving.register_keras_serializable() before the class."
        )


def with_own_layers(load: Callable[[], Any], source: Any, places: Iterable[Path]) -> Any:
    """Return what `load` gives; where it fails, once more after importing the file that the model came from.

    Args:
        load: loads a Keras model.
        source: the study's `model`; only `file.py:function` names a file.
        places: folders that the file may lie in, the likeliest first.

    Raises:
        Exception: what `load` raised, where no such file is found or importing it doesn't help.
    """
    try:
        return load()
    except (ValueError, OSError, TypeError, UserError):
        if not isinstance(source, str) or ".py:" not in source:
            raise
        for place in dict.fromkeys(places):
            try:
                UserFunction(source, place, "model")
            except UserError:
                continue
            return load()
        raise
