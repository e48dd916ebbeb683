"""Whether two models compute the same: both on small and large random inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


def probes(model: keras.Model) -> list[NDArray[np.float32]]:
    """Return inputs, small and large, since a function of the user's may bear a known name and saturate far
    out.
    """
    draw = np.random.default_rng(0)
    shapes = [tuple(size or 4 for size in tensor.shape[1:]) for tensor in model.inputs]
    scales = np.repeat(np.array([0.1, 1, 10, 100, 1e3]), 8)
    found = []
    for tensor, shape in zip(model.inputs, shapes, strict=True):
        values = draw.normal(size=(len(scales), *shape)) * scales.reshape(-1, *[1] * len(shape))
        whole = "int" in str(tensor.dtype) or str(tensor.dtype) == "bool"
        found.append((np.abs(np.round(values)) % 100 if whole else values).astype(np.float32))
    return found


def keras_outputs(model: Any, inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """Return what a model of either Keras gives, outputs by name in the order of their names."""
    import tensorflow as tf

    # a Sequential of Keras 3 has no `input` before it is called
    structure = model.inputs[0] if type(model).__name__ == "Sequential" else model.input
    given = tf.nest.pack_sequence_as(structure, [tf.constant(x) for x in inputs])
    outputs = model(given, training=False)
    return [np.asarray(value, np.float64) for value in tf.nest.flatten(outputs)]


def alike(old: NDArray[np.float64], new: NDArray[np.float64]) -> bool:
    """Whether every sample's outputs are the same, to what float32 keeps of the largest."""
    if old.shape != new.shape:
        return False
    size = np.abs(old).reshape(len(old), -1).max(1, initial=1e-1).reshape(-1, *[1] * (old.ndim - 1))
    return bool((np.abs(old - new) <= 1e-4 * size).all())
