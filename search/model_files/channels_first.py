"""Tensors of frameworks that put channels first, built in Keras, which puts them last.

A `Held` tensor is a Keras tensor and the order of its axes as the other framework counts them. Convolutions
and poolings leave their result with channels last, and only note that the framework's second axis is
Keras's last; a transpose is a note as well. An axis is moved (Permute) where somebody needs the framework's
own order: a flattening, a product of matrices, an output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Held:
    """A tensor: axis `i` of the framework is axis `order[i]` of the Keras tensor; the batch is the first."""

    tensor: Any
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The framework's shape without its batch axis."""
        return tuple(int(self.tensor.shape[axis]) for axis in self.order[1:])

    @property
    def rank(self) -> int:
        """How many axes it has, the batch among them."""
        return len(self.order)


def plain(tensor: Any) -> Held:
    """Return a tensor whose axes are the framework's."""
    return Held(tensor, tuple(range(len(tensor.shape))))


class Builder:
    """Calls Keras layers on tensors of a framework with channels first; each layer gets a name of its own."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}

    def name(self, wanted: str) -> str:
        """Return a name that no layer has yet, made of letters, digits and underscores."""
        base = "".join(c if c.isalnum() and c.isascii() else "_" for c in wanted).strip("_") or "layer"
        count = self._names.get(base, 0)
        self._names[base] = count + 1
        return f"{base}_{count}" if count else base

    def moved(self, x: Held, order: tuple[int, ...], name: str) -> Any:
        """Return the Keras tensor with the framework's axes in `order`: (0, 2, 3, 1) puts channels last."""
        from keras import layers

        axes = tuple(x.order[axis] for axis in order)
        if axes == tuple(range(len(axes))):
            return x.tensor
        if axes[0] != 0:
            raise UserError(f"{name!r} moves the batch axis, which firmware doesn't have")
        return layers.Permute(axes[1:], name=self.name(f"{name}_axes"))(x.tensor)

    def natural(self, x: Held, name: str) -> Any:
        """Return the Keras tensor with the axes as the framework has them."""
        return self.moved(x, tuple(range(x.rank)), name)

    def last(self, x: Held, name: str) -> Any:
        """Return the Keras tensor with channels, the framework's second axis, last."""
        return self.moved(x, (0, *range(2, x.rank), 1), name)

    def held_last(self, tensor: Any) -> Held:
        """Return a tensor that has channels last."""
        rank = len(tensor.shape)
        return Held(tensor, (0, rank - 1, *range(1, rank - 1)))

    def called(self, layer: Any, tensor: Any, *weights: Any) -> Any:
        """Return what a layer gives for a tensor, once it has these weights."""
        value = layer(tensor)
        if weights:
            layer.set_weights([np.asarray(one, np.float32) for one in weights])
        return value

    def dense(self, x: Held, kernel: Array, bias: Array | None, name: str) -> Held:
        """Multiply the framework's last axis with a kernel, (inputs, units)."""
        from keras import layers

        tensor = self.natural(x, name) if x.order[-1] != x.rank - 1 else x.tensor
        order = plain(tensor).order if tensor is not x.tensor else x.order
        layer = layers.Dense(kernel.shape[1], use_bias=bias is not None, name=self.name(name))
        return Held(self.called(layer, tensor, kernel, *([] if bias is None else [bias])), order)

    def convolution(
        self,
        x: Held,
        kernel: Array,
        bias: Array | None,
        name: str,
        *,
        strides: Sequence[int],
        pads: Sequence[tuple[int, int]],
        dilations: Sequence[int],
        groups: int,
        channels_last: bool = False,
    ) -> Held:
        """Convolve with a kernel of shape (filters, channels / groups, *window)."""
        from keras import layers

        window = kernel.shape[2:]
        rank = len(window)
        if rank not in (1, 2):
            raise UserError(f"{name!r} is a convolution over {rank} axes; one or two can be built")
        tensor = x.tensor if channels_last else self.last(x, name)
        channels = int(tensor.shape[-1])
        tensor = self.padded(tensor, pads, name)
        options: dict[str, Any] = {
            "strides": strides[0] if rank == 1 else tuple(strides),
            "dilation_rate": dilations[0] if rank == 1 else tuple(dilations),
            "use_bias": bias is not None,
            "name": self.name(name),
        }
        size = window[0] if rank == 1 else tuple(window)
        if groups == channels and groups > 1:
            kinds = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}
            multiplier = kernel.shape[0] // groups
            layer = kinds[rank](size, depth_multiplier=multiplier, **options)
            own = kernel[:, 0].reshape(groups, multiplier, *window)
            own = np.moveaxis(own, (0, 1), (-2, -1))
        else:
            kinds = {1: layers.Conv1D, 2: layers.Conv2D}
            layer = kinds[rank](kernel.shape[0], size, groups=groups, **options)
            own = np.moveaxis(kernel, (1, 0), (-2, -1))
        result = self.called(layer, tensor, own, *([] if bias is None else [bias]))
        return plain(result) if channels_last else self.held_last(result)

    def padded(self, tensor: Any, pads: Sequence[tuple[int, int]], name: str) -> Any:
        """Return a tensor, channels last, with zeros around its positions."""
        from keras import layers

        if not any(any(pair) for pair in pads):
            return tensor
        kind = layers.ZeroPadding1D if len(pads) == 1 else layers.ZeroPadding2D
        amount = tuple(pads[0]) if len(pads) == 1 else tuple(tuple(pair) for pair in pads)
        return kind(amount, name=self.name(f"{name}_pad"))(tensor)

    def normalization(
        self, x: Held, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float, name: str
    ) -> Held:
        """Normalize channels, the framework's second axis, with statistics that are known."""
        from keras import layers

        tensor = self.last(x, name)
        layer = layers.BatchNormalization(epsilon=epsilon, name=self.name(name))
        return self.held_last(self.called(layer, tensor, gamma, beta, mean, variance))

    def pool(
        self,
        x: Held,
        kind: str,
        name: str,
        *,
        window: Sequence[int],
        strides: Sequence[int],
        channels_last: bool = False,
    ) -> Held:
        """Pool windows: `Max` or `Average`."""
        from keras import layers

        rank = len(window)
        made = getattr(layers, f"{kind}Pooling{rank}D")
        tensor = x.tensor if channels_last else self.last(x, name)
        value = made(tuple(window) if rank > 1 else window[0], tuple(strides) if rank > 1 else strides[0],
                     name=self.name(name))(tensor)  # fmt: skip
        return plain(value) if channels_last else self.held_last(value)

    def global_pool(self, x: Held, kind: str, name: str) -> Held:
        """Pool all positions, which stay as axes of length 1."""
        from keras import layers

        made = getattr(layers, f"Global{kind}Pooling{x.rank - 2}D")
        return self.held_last(made(keepdims=True, name=self.name(name))(self.last(x, name)))

    def reshaped(self, x: Held, shape: Sequence[int], name: str) -> Held:
        """Give it another shape, without the batch axis, the framework's order kept."""
        from keras import layers

        shape = tuple(int(one) for one in shape)
        if -1 in shape:
            rest = -prod(shape)
            shape = tuple(prod(x.shape) // rest if one == -1 else one for one in shape)
        if shape == x.shape:
            return x
        return plain(layers.Reshape(shape, name=self.name(name))(self.natural(x, name)))

    def transposed(self, x: Held, axes: Sequence[int], name: str) -> Held:
        """Note another order of the axes."""
        if axes[0] != 0:
            raise UserError(f"{name!r} moves the batch axis, which firmware doesn't have")
        return Held(x.tensor, tuple(x.order[axis] for axis in axes))

    def each(self, x: Held, layer: Any) -> Held:
        """Apply a layer that sees values one by one."""
        return Held(layer(x.tensor), x.order)

    def constant(self, x: Held, array: Any) -> Array:
        """Return a constant that broadcasts with `x`, its axes as the Keras tensor has them, batch axis
        first.
        """
        found = np.asarray(array, np.float32)
        if found.size == 1:
            return found.reshape(())
        found = found.reshape((1,) * (x.rank - found.ndim) + found.shape)
        return np.transpose(found, np.argsort(x.order)) if found.ndim == x.rank else found

    def together(self, values: Sequence[Held], name: str) -> tuple[list[Any], tuple[int, ...]]:
        """Return Keras tensors of one order of axes, and that order."""
        if len({value.order for value in values}) == 1:
            return [value.tensor for value in values], values[0].order
        rank = max(value.rank for value in values)
        tensors = []
        for value in values:
            tensor = self.natural(value, name)
            if value.rank < rank:
                raise UserError(f"{name!r} puts tensors of {value.rank} and {rank} axes together")
            tensors.append(tensor)
        return tensors, tuple(range(rank))
