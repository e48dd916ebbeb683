"""Keras layers for nodes that plain Keras has no layer for; importing `bitfront.hls` lets Keras load them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

_register = keras.saving.register_keras_serializable(package="bitfront")


@_register
class Einsum(keras.layers.Layer):
    """An einsum of two tensors, batch axis first: the scores or the context of an attention."""

    def __init__(self, equation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.equation = equation

    def call(self, inputs: Any) -> Any:
        """Return the einsum of the two tensors."""
        return keras.ops.einsum(self.equation, *inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the equation and Keras's own settings."""
        return {**super().get_config(), "equation": self.equation}


@_register
class AddConstant(keras.layers.Layer):
    """The input plus a weight of its own shape: a positional encoding."""

    def build(self, input_shape: Any) -> None:
        """Make the weight, zero at first."""
        self.constant = self.add_weight(shape=input_shape[1:], initializer="zeros", name="constant")

    def call(self, inputs: Any) -> Any:
        """Return the sum."""
        return inputs + self.constant


@_register
class Lookup(keras.layers.Layer):
    """The activation `function` as a table, addressed by the bits of an input of type fixed<width, integer>.

    The input's type is ufixed where not `signed`. `attributes` are what the function needs besides its input.
    """

    def __init__(
        self,
        function: str,
        width: int,
        integer: int,
        signed: bool,
        attributes: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function, self.attributes = function, dict(attributes or {})
        self.width, self.integer, self.signed = width, integer, signed

    def build(self, input_shape: Any) -> None:
        """Make the table."""
        self.table = self.add_weight(
            shape=(2**self.width,), initializer="zeros", trainable=False, name="table"
        )

    def call(self, inputs: Any) -> Any:
        """Return the entries for inputs that are values of the type."""
        index = keras.ops.floor(inputs * 2.0 ** (self.width - self.integer))
        index = keras.ops.cast(index, "int32") % 2**self.width
        return keras.ops.take(self.table, index)

    def get_config(self) -> dict[str, Any]:
        """Return the input's type and Keras's own settings."""
        own = {
            "function": self.function,
            "width": self.width,
            "integer": self.integer,
            "signed": self.signed,
            "attributes": self.attributes,
        }
        return {**super().get_config(), **own}
