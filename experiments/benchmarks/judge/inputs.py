"""What a model is asked: inputs as they come, and stressed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLES = 8
"""Samples of each set."""


SETS = ("normal", "sign turned", "times 10", "times 100", "grid", "zeros", "spikes", "constants")
"""Names of the sets, in the order of `input_sets`."""


def input_sets(model: Any, seed: int) -> dict[str, list[NDArray[np.float32]]]:
    """Return named sets of inputs, one array an input of the model, of `SAMPLES` samples each.

    Normal values, once more with the sign turned, scaled up by 10 and 100, on a grid that meets ties of
    rounding, zeros, one value far out among zeros, and constants at both extremes.
    """
    rng = np.random.default_rng(seed)

    def each(make: Any) -> list[NDArray[np.float32]]:
        # an axis of any length gets three entries
        shapes = [(SAMPLES, *(n or 3 for n in tensor.shape[1:])) for tensor in model.inputs]
        made = [np.asarray(make(shape), np.float32) for shape in shapes]
        # an input of whole numbers gets whole numbers: Keras would cut others off
        return [np.round(x) if "int" in str(t.dtype) else x for x, t in zip(made, model.inputs, strict=True)]

    normal = each(lambda shape: rng.normal(size=shape))

    def spikes(shape: Sequence[int]) -> NDArray[Any]:
        flat = np.zeros((shape[0], int(np.prod(shape[1:]))))
        flat[np.arange(shape[0]), rng.integers(0, flat.shape[1], shape[0])] = rng.choice(
            [-30.0, 30.0], shape[0]
        )
        return flat.reshape(shape)

    def steps(shape: Sequence[int]) -> NDArray[Any]:
        level = np.array([-100.0, -8.0, -1.0, -0.25, 0.25, 1.0, 8.0, 100.0])[: shape[0]]
        return np.broadcast_to(level.reshape(-1, *(1,) * (len(shape) - 1)), shape)

    made = (
        normal,
        [-x for x in normal],
        [10 * x for x in normal],
        [100 * x for x in normal],
        each(lambda shape: rng.integers(-24, 25, shape) / 8),
        each(np.zeros),
        each(spikes),
        each(steps),
    )
    return dict(zip(SETS, made, strict=True))


def study_data(model: Any) -> list[NDArray[np.float32]]:
    """Return normal inputs as a study might have them, others than those that are judged."""
    return [
        np.concatenate(xs)
        for xs in zip(*(input_sets(model, seed)["normal"] for seed in range(90, 98)), strict=True)
    ]
