"""One small design of each family, and one on streams, with weights that are the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bitfront.hls import DesignDescription, HlsProject, Target, convert, describe, hls_config, to_keras
from bitfront.hls.precision import Types, uniform_types
from bitfront.spaces import FixedPoint, Graph, LayerHardware, lower

if TYPE_CHECKING:
    import keras

__all__ = ["DESIGNS", "BuiltDesign", "SmallDesign", "build_design"]

PROJECT = "bitfront"
"""Name of the top function."""
_PRECISION = FixedPoint.parse("fixed<10,4,RND_CONV,SAT>")
"""Weights are rounded as a study rounds them."""
_SEED = 20


@dataclass(frozen=True, kw_only=True)
class SmallDesign:
    """A network and how it is built.

    Attributes:
        name: of the design.
        about: what it is, in a few words.
        network: makes the Keras model.
        io_type: hls4ml's interface.
        strategy: hls4ml's strategy.
        reuse_factor: products that share a multiplier.
    """

    name: str
    about: str
    network: Callable[[], keras.Model]
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel"
    strategy: Literal["Latency", "Resource"] = "Latency"
    reuse_factor: int = 1


def _mlp() -> keras.Model:
    from keras import Input, Model, layers

    x = inputs = Input((16,), name="features")
    for number, width in enumerate((16, 8), 1):
        x = layers.Dense(width, activation="relu", name=f"dense_{number}")(x)
    return Model(inputs, layers.Dense(5, name="scores")(x), name="mlp")


def _cnn() -> keras.Model:
    from keras import Input, Model, layers

    x = inputs = Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="conv_1")(x)
    x = layers.BatchNormalization(name="norm")(layers.MaxPooling2D(2, name="pool")(x))
    x = layers.Conv2D(6, 2, activation="relu", name="conv_2")(x)
    return Model(inputs, layers.Dense(4, name="scores")(layers.Flatten(name="flat")(x)), name="cnn")


def _rnn() -> keras.Model:
    from keras import Input, Model, layers

    x = inputs = Input((6, 4), name="sequence")
    x = layers.LSTM(6, name="lstm")(x)
    return Model(inputs, layers.Dense(3, activation="sigmoid", name="scores")(x), name="rnn")


def _transformer() -> keras.Model:
    from keras import Input, Model, layers

    x = inputs = Input((4, 6), name="tokens")
    x = layers.Add(name="add_1")([x, layers.MultiHeadAttention(2, 3, name="attention")(x, x)])
    x = layers.LayerNormalization(name="norm_1")(x)
    y = layers.Dense(6, name="dense_2")(layers.Dense(8, activation="relu", name="dense_1")(x))
    x = layers.LayerNormalization(name="norm_2")(layers.Add(name="add_2")([x, y]))
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return Model(inputs, layers.Dense(3, name="scores")(x), name="transformer")


DESIGNS = (
    SmallDesign(name="mlp", about="dense 16-16-8-5", network=_mlp),
    SmallDesign(name="cnn", about="two 2D convolutions of an 8 x 8 image", network=_cnn),
    SmallDesign(name="rnn", about="an LSTM of 6 units over 6 steps", network=_rnn),
    SmallDesign(name="transformer", about="attention with two heads over 4 tokens", network=_transformer),
    SmallDesign(
        name="stream",
        about="the convolutions on streams, four products to a multiplier",
        network=_cnn,
        io_type="io_stream",
        strategy="Resource",
        reuse_factor=4,
    ),
)
"""In the order in which they are tested, the quickest first."""


@dataclass(frozen=True, kw_only=True)
class BuiltDesign:
    """A small design with its types and weights.

    Attributes:
        name: of the design.
        graph: what the firmware computes, float weights in it.
        types: of every tensor.
        target: part, clock and interface.
        model: plain Keras model whose weights are rounded: what hls4ml converts.
        config: hls4ml's configuration.
        description: what the estimate is made of.
    """

    name: str
    graph: Graph
    types: Types
    target: Target
    model: keras.Model
    config: dict[str, Any]
    description: DesignDescription

    def write(self, folder: Path) -> HlsProject:
        """Write the hls4ml project, as `bitfront export` does.

        Raises:
            UserError: `folder` is in use.
            BuildError: hls4ml fails.
        """
        return convert(
            self.model,
            self.config,
            folder,
            backend=self.target.backend,
            io_type=self.target.io_type,
            part=self.target.part,
            clock_ns=self.target.clock_ns,
            project_name=PROJECT,
        ).write()


def build_design(design: SmallDesign, *, part: str, clock_ns: float) -> BuiltDesign:
    """Make the model, its weights and its types.

    Raises:
        UserError: the part is unknown.
    """
    model = design.network()
    rng = np.random.default_rng(_SEED)
    for variable in model.weights:
        if "seed" not in variable.path:
            values = rng.normal(size=variable.shape) / np.sqrt(max(1, np.prod(variable.shape[:-1])))
            variable.assign(np.abs(values) + 0.5 if "variance" in variable.path else values)
    graph = lower(model)
    types = uniform_types(graph, _PRECISION)
    target = Target(part=part, clock_ns=clock_ns, io_type=design.io_type)
    hardware = LayerHardware(strategy=design.strategy, reuse_factor=design.reuse_factor)
    shared = [node.name for node in graph if node.traits.family in {"linear", "recurrent"}]
    plain = to_keras(graph, graph.weights, types)
    return BuiltDesign(
        name=design.name,
        graph=graph,
        types=types,
        target=target,
        model=plain,
        config=hls_config(graph, types, plain, dict.fromkeys(shared, hardware), target),
        description=replace(
            describe(graph, types, graph.weights, dict.fromkeys(shared, hardware), target), name=design.name
        ),
    )
