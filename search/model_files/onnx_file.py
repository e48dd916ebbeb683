"""ONNX files, QONNX's among them, read as Keras 3 models, and compared with what ONNX's reference evaluator
computes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import ToolMissing, UserError

from .channels_first import Builder, Held, plain
from .comparison import alike, keras_outputs, probes
from .onnx_nodes import Node, Value, Work
from .onnx_operations import OPERATIONS
from .onnx_reference import LAST, QONNX, reference_outputs
from .reading import Reading, reason, telling_what_stops

if TYPE_CHECKING:
    import keras

_DOMAINS = frozenset({"", "ai.onnx", LAST, *QONNX})
_MOST_PROBED = 1 << 16
"""Values of an input beyond which fewer samples are compared: the reference evaluator is NumPy."""


class OnnxFile:
    """One ONNX graph with its weights in the file."""

    suffixes: tuple[str, ...] = (".onnx",)

    def takes(self, path: Path) -> bool:
        """Whether it is called so."""
        return path.name.lower().endswith(self.suffixes)

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model.

        Raises:
            ToolMissing: without the package `onnx`.
            UserError: when the file is damaged, its weights lie elsewhere, it holds operations that can't be
                built, or the Keras model computes something else than ONNX's reference evaluator.
        """
        try:
            import onnx
        except ImportError:
            raise ToolMissing(
                f"model: {path} needs the package onnx: pip install 'bitfront[onnx]'."
            ) from None
        if path.stat().st_size > reading.most_bytes:
            raise UserError(f"model: {path} is too large: {path.stat().st_size:,} bytes.")
        try:
            saved = onnx.load(str(path), load_external_data=False)
        except Exception as error:  # the protocol buffer's own kinds of damage
            raise UserError(f"model: {path} isn't a sound ONNX file ({reason(error)}).") from None
        if any(one.external_data for one in saved.graph.initializer):
            raise UserError(f"model: {path} has its weights in other files: save it in one.")
        with telling_what_stops(path):
            model = built(saved)
        _compare(model, saved, path)
        return model


def built(saved: Any) -> keras.Model:
    """Return the Keras model of a loaded ONNX model.

    Raises:
        UserError: naming what can't be built.
    """
    import keras
    from onnx import helper, numpy_helper

    graph = saved.graph
    work = Work(Builder())
    for one in graph.initializer:
        work.values[one.name] = numpy_helper.to_array(one)
    for one in graph.input:
        if one.name in work.values:
            continue
        shape = [d.dim_value for d in one.type.tensor_type.shape.dim]
        if not all(shape[1:]) or len(shape) < 2:
            raise UserError(f"input {one.name!r} has shape {shape}: every axis but the batch must be fixed")
        name = work.build.name(one.name)
        work.values[one.name] = plain(keras.Input(tuple(shape[1:]), name=name))
    inputs = [value.tensor for value in work.values.values() if isinstance(value, Held)]
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(one.name for one in graph.output)
    joined = _biases(graph, work.values, readers)
    for node in graph.node:
        if node.output[0] in work.values:
            continue
        attributes = {one.name: _plain(helper.get_attribute_value(one)) for one in node.attribute}
        name = node.name or node.output[0]
        if node.op_type == "Constant" and node.domain in _DOMAINS:
            work.values[node.output[0]] = np.asarray(_constant(attributes, numpy_helper, name))
            continue
        given = tuple(work.values[one] if one else None for one in node.input)
        target = node.output[0]
        kind, found = node.op_type, OPERATIONS.get(node.op_type)
        if found is None or node.domain not in _DOMAINS:
            raise UserError(f"{name!r} is a {node.domain or 'ONNX'} {kind}, which isn't read")
        if target in joined:  # the bias that is added next
            bias, target = joined[target]
            kind, given = "Gemm", (*given, work.values[bias])
            found = OPERATIONS[kind]
        work.values[target] = found(work, Node(kind, node.domain, name, given, attributes))
    outputs = [work.values[one.name] for one in graph.output]
    tensors = []
    for one, value in zip(graph.output, outputs, strict=True):
        if not isinstance(value, Held):
            raise UserError(f"output {one.name!r} is a constant")
        tensors.append(work.build.natural(value, one.name))
    return keras.Model(inputs, tensors[0] if len(tensors) == 1 else tensors)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _constant(attributes: Mapping[str, Any], numpy_helper: Any, name: str) -> Any:
    for key in ("value_float", "value_floats", "value_int", "value_ints"):
        if key in attributes:
            return attributes[key]
    if "value" not in attributes:
        raise UserError(f"{name!r} is a constant of another kind than numbers")
    return numpy_helper.to_array(attributes["value"])


def _biases(graph: Any, values: Mapping[str, Value], readers: Counter[str]) -> dict[str, tuple[str, str]]:
    """Return the products with a matrix that a bias alone is added to: output -> (bias, the sum's name)."""
    products = {
        node.output[0]
        for node in graph.node
        if node.op_type == "MatMul" and np.ndim(values.get(node.input[1])) == 2  # type: ignore[arg-type]
    }
    found = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        for own, other in (tuple(node.input), tuple(reversed(node.input))):
            vector = values.get(other)
            if own in products and readers[own] == 1 and isinstance(vector, np.ndarray) and vector.ndim == 1:
                found[own] = (other, node.output[0])
    return found


def _compare(model: keras.Model, saved: Any, path: Path) -> None:
    """Refuse a model that computes something else than the reference evaluator.

    Raises:
        UserError: where an output differs.
    """
    inputs = probes(model)
    most = max(np.prod(one.shape[1:]) for one in inputs)
    count = len(inputs[0]) if most <= _MOST_PROBED else 1
    rows = np.linspace(0, len(inputs[0]) - 1, count).astype(int)
    inputs = [one[rows] for one in inputs]
    try:
        theirs = reference_outputs(saved, inputs)
    except Exception:  # an operation or a batch that the evaluator can't compute
        return
    for old, new in zip(theirs, keras_outputs(model, inputs), strict=True):
        if not alike(old.reshape(new.shape) if old.size == new.size else old, new):
            raise UserError(
                f"model: {path} gives other outputs in Keras than in ONNX's reference evaluator: it can't be "
                "searched."
            )
