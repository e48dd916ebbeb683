"""Keras layers for nodes that plain Keras has no layer for; importing `bitfront.hls` lets Keras load them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import keras
import numpy as np

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


@_register
class ElementWidths(keras.layers.Layer):
    """The input as it is; in the firmware, each element is rounded to the width of its own that `kind` has.

    `kind`: a type with elements, as `str(FixedPoint)` writes it.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the type and Keras's own settings."""
        return {**super().get_config(), "kind": self.kind}


@_register
class View(keras.layers.Layer):
    """Values of the input in other places, as strides over it give them; the result has `shape`.

    Value `i`, counted along axes of `sizes`, is value `offset + sum(strides * coordinates)` of the flat
    input.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        strides: Sequence[int],
        offset: int,
        shape: Sequence[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes, self.strides, self.offset = tuple(sizes), tuple(strides), offset
        self.shape = tuple(shape)

    def call(self, inputs: Any) -> Any:
        """Return the values in their places."""
        places = np.indices(self.sizes).reshape(len(self.sizes), -1)
        numbers = self.offset + np.asarray(self.strides, np.int64) @ places if self.sizes else [self.offset]
        flat = keras.ops.reshape(inputs, (-1, prod(inputs.shape[1:])))
        picked = keras.ops.take(flat, np.asarray(numbers, np.int32), axis=1)
        return keras.ops.reshape(picked, (-1, *self.shape))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape with the input's batch."""
        return (input_shape[0], *self.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the view and Keras's own settings."""
        own = {"sizes": self.sizes, "strides": self.strides, "offset": self.offset, "shape": self.shape}
        return {**super().get_config(), **own}
