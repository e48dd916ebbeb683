"""The arrays of a Keras 2 model, layer by layer, from each of the ways in which Keras 2 saved them.

`.h5` files hold a group a layer (`kernel:0`, `bias:0`, ...), those within `.keras` and `.weights.h5` a tree
of `vars/0`, `vars/1`, and a SavedModel a checkpoint with a graph of objects. Arrays of a layer are in the
order of its own `weights`: kernel before bias, gamma before beta before the moving ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

Arrays = Sequence[NDArray[Any]]
_PARTS = (
    "forward_layer", "backward_layer", "cell", "layer",
    "_query_dense", "_key_dense", "_value_dense", "_output_dense",
)  # fmt: skip
"""Layers within a layer, in the order of its weights."""
_LAYERS = ("layers", "_layer_checkpoint_dependencies")
"""What the tree of a model's layers was called, now and in Keras 2.12."""


class Weights(Protocol):
    """The saved arrays of a model."""

    def of(self, layer: str, kind: str, position: int) -> Arrays:
        """Return the arrays of a layer.

        Args:
            layer: its name.
            kind: its class.
            position: its place among the layers of its model, as the file lists them.
        """
        ...

    def within(self, layer: str, kind: str, position: int) -> Weights:
        """Return the arrays of a model that is a layer."""
        ...


class Listed:
    """Arrays by layer name, of an `.h5` file with one group a layer."""

    def __init__(self, arrays: Mapping[str, Sequence[tuple[str, NDArray[Any]]]]) -> None:
        """`arrays`: layer name -> (path in the group, array) in the saved order."""
        self.arrays = arrays

    def of(self, layer: str, kind: str, position: int) -> Arrays:
        """Return them in the saved order."""
        return [array for _, array in self.arrays.get(layer, ())]

    def within(self, layer: str, kind: str, position: int) -> Weights:
        """Sort the arrays of a model by the name of the layer in their path."""
        found: dict[str, list[tuple[str, NDArray[Any]]]] = {}
        for path, array in self.arrays.get(layer, ()):
            names = [part for part in path.split("/")[:-1] if part != layer]
            rest = "/".join(path.split("/")[path.split("/").index(names[0]) + 1 :]) if names else path
            found.setdefault(names[0] if names else layer, []).append((rest, array))
        return Listed(found)


class Tree:
    """Arrays of a tree of objects, of the file within a `.keras` or of a `.weights.h5`."""

    def __init__(self, group: Any) -> None:
        """`group`: the h5py group of the model's layers."""
        self.group = group
        self._counts: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def _path(self, layer: str, kind: str) -> str:
        """Return a layer's place: its class in snake case, numbered in the order of the layers."""
        if layer not in self._names:
            base = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
            self._names[layer] = f"{base}_{self._counts[base]}" if self._counts[base] else base
            self._counts[base] += 1
        return self._names[layer]

    def of(self, layer: str, kind: str, position: int) -> Arrays:
        """Return those of the layer and of the layers that it holds."""
        place = self._path(layer, kind)
        return _flat(self.group[place]) if place in self.group else []

    def within(self, layer: str, kind: str, position: int) -> Weights:
        """Return the tree below a model."""
        place = self._path(layer, kind)
        inner = self.group.get(place, {})
        return Tree(next((inner[name] for name in _LAYERS if name in inner), {}))


def _flat(group: Any) -> list[NDArray[Any]]:
    found = [_array(group["vars"][key]) for key in sorted(group.get("vars", {}), key=int)]
    for part in _PARTS:
        if part in group:
            found += _flat(group[part])
    return found


class Checkpoint:
    """Arrays of the checkpoint in a SavedModel, found through its graph of objects."""

    def __init__(self, path: Path) -> None:
        """Read the graph of objects.

        Raises:
            UserError: when there's none, or it can't be read.
        """
        import tensorflow as tf
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        try:
            self._reader = tf.train.load_checkpoint(str(path))
            graph = trackable_object_graph_pb2.TrackableObjectGraph()
            graph.ParseFromString(self._reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        except Exception as error:  # TensorFlow raises one class of its own per kind of damage
            raise UserError(f"its checkpoint {path.name} can't be read ({error})") from None
        self._nodes, self._root = graph.nodes, 0

    def _child(self, node: int, name: str) -> int | None:
        return next((c.node_id for c in self._nodes[node].children if c.local_name == name), None)

    def of(self, layer: str, kind: str, position: int) -> Arrays:
        """Return the layer's list of variables."""
        node = self._child(self._root, f"layer-{position}")
        listed = None if node is None else self._child(node, "variables")
        if listed is None:
            return []
        found = []
        for place in range(len(self._nodes[listed].children)):
            variable = self._child(listed, str(place))
            if variable is not None:
                found.append(self._reader.get_tensor(self._nodes[variable].attributes[0].checkpoint_key))
        return found

    def within(self, layer: str, kind: str, position: int) -> Weights:
        """Return the checkpoint, seen from a model within the model."""
        inner = object.__new__(Checkpoint)
        node = self._child(self._root, f"layer-{position}")
        inner._reader, inner._nodes, inner._root = self._reader, self._nodes, 0 if node is None else node
        return inner


def from_h5(file: Any) -> Weights:
    """Return the arrays of an open h5py file of any kind that Keras 2 wrote.

    Raises:
        UserError: when it holds no weights, or refers to other files.
    """
    for name in _LAYERS:
        if name in file and "layer_names" not in file.attrs and "model_weights" not in file:
            return Tree(file[name])
    group = file.get("model_weights", file)
    if "layer_names" not in group.attrs:
        raise UserError("it holds no weights of Keras")
    found = {}
    for layer in _texts(group.attrs, "layer_names"):
        names = _texts(group[layer].attrs, "weight_names")
        found[layer] = [(name, _array(group[layer][name])) for name in names]
    return Listed(found)


def _texts(attributes: Any, key: str) -> list[str]:
    """Return a list of texts that may be cut into `key0`, `key1`, ... where it was too long for one."""
    if key in attributes:
        values = list(attributes[key])
    else:
        values, chunk = [], 0
        while f"{key}{chunk}" in attributes:
            values += list(attributes[f"{key}{chunk}"])
            chunk += 1
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _array(dataset: Any) -> NDArray[Any]:
    if dataset.is_virtual or dataset.external:
        raise UserError("its arrays lie in other files: save it again")
    return np.asarray(dataset)
