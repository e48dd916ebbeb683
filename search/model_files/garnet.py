"""GarNet, a graph network for calorimeters (Iiyama et al., arXiv:2008.03601), from hls4ml's Keras 2 layers:
the same arithmetic in Keras 3's own layers.

Each vertex v has features and, to each aggregator s, a weight exp(-d^2) of a distance d that is linear in its
data. Aggregators average the weighted features; each vertex reads them back by the same weights. A mask makes
the weights of vertices from the given number on zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .keras2_layers import ternarized

if TYPE_CHECKING:
    import keras

Arrays = Sequence[NDArray[Any]]
_ARRAYS = 6
"""A sublayer's: kernel and bias of features, distances and outputs."""


def garnet(name: str, config: Mapping[str, Any], arrays: Arrays, given: Sequence[Any]) -> keras.KerasTensor:
    """Return what a `GarNet` or `GarNetStack` gives for its data, (vertices, values), and their number.

    Raises:
        UserError: for a form of it that isn't built.
    """
    from keras import layers

    wanted = {"simplified": True, "input_format": "xn", "mean_by_nvert": False}
    for key, value in wanted.items():
        if config.get(key) != value:
            raise UserError(f"layer {name!r} is a GarNet with {key}={config.get(key)!r}; {value!r} is built")
    if config.get("collapse") not in {None, "mean"} or len(given) != 2:
        raise UserError(f"layer {name!r} is a GarNet with collapse={config['collapse']!r}; 'mean' is built")
    if not arrays or len(arrays) % _ARRAYS:
        raise UserError(f"layer {name!r} is a GarNet with {len(arrays)} arrays in the file")
    data, number = given
    vertices = int(data.shape[1])
    # numbers are whole: 1 for every vertex below the given one, else 0
    counted = layers.RepeatVector(vertices, name=f"{name}_number")(number)
    places = np.arange(vertices, dtype=np.float32)[:, None]
    mask = layers.ReLU(max_value=1.0, name=f"{name}_mask")(counted - places)
    for place in range(len(arrays) // _ARRAYS):
        own = arrays[place * _ARRAYS : (place + 1) * _ARRAYS]
        data = _sublayer(f"{name}_{place}", config, own, data, mask)
    if config.get("collapse") is None:
        return data
    return layers.GlobalAveragePooling1D(name=f"{name}_mean")(data)


def _sublayer(name: str, config: Mapping[str, Any], arrays: Arrays, data: Any, mask: Any) -> Any:
    from keras import layers, ops

    flr, flr_bias, s, s_bias, out, out_bias = (np.asarray(one, np.float32) for one in arrays)
    if config.get("quantize_transforms"):  # as hls4ml does: the file doesn't say how many bits
        flr, flr_bias, out = (ternarized([one])[0] for one in (flr, flr_bias, out))
    aggregators, features = s.shape[1], flr.shape[1]
    out = out.reshape(aggregators, features, -1)

    def dense(kernel: Any, bias: Any, label: str) -> Any:
        layer = layers.Dense(kernel.shape[1], name=f"{name}_{label}")
        value = layer(data)
        layer.set_weights([kernel, bias])
        return value

    distance = dense(s, s_bias, "distance")
    near = layers.Multiply(name=f"{name}_edges")([mask, ops.exp(-ops.square(distance))])
    gathered = ops.einsum("bvs,bvf->bsf", near, dense(flr, flr_bias, "features"))
    gathered = gathered * np.float32(1 / data.shape[1])
    read = layers.EinsumDense("bsf,sfo->bso", (aggregators, out.shape[-1]), name=f"{name}_outputs")
    spread = ops.einsum("bvs,bso->bvo", near, read(gathered))
    read.set_weights([out])
    found = spread + out_bias
    activation = config.get("output_activation") or "linear"
    if activation != "linear":
        found = layers.Activation(activation, name=f"{name}_activation")(found)
    return layers.Multiply(name=f"{name}_masked")([mask, found])
