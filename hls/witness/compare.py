"""Whether what is searched is the model that came: its graph beside Keras's own outputs, layer by layer.

The witness is Keras: it computes the model as it came. Every node is given what Keras gives for its inputs,
so that the first layer that differs is the one to name. Inputs are the study's samples and stressed ones,
since a layer can be the identity on small values and a clip on large ones; and weights are changed for a
second look, since a layer that is about to be trained can begin as the identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Node, UserError, lower_with_tensors

from .inputs import Inputs, Samples, fitting, probes_of

if TYPE_CHECKING:
    import keras

_CLOSE = 3e-5
"""Difference that float32 sums in another order may show, relative to the largest value of the tensor."""
_NOISE = 20.0
"""How many times the effect of one rounding of its inputs (2e-7) a layer's output may differ."""
_TIES = 0.005
"""Share of values that may fall on the other side of the model's own rounding, since sums differ in the last
bit.
"""


@dataclass(frozen=True)
class Difference:
    """The first layer whose output isn't Keras's."""

    layer: str
    node: str
    probe: str
    """Which inputs showed it."""
    keras: float
    """What Keras gives, where the two differ most."""
    graph: float
    """What the graph gives there."""

    def __str__(self) -> str:
        return (
            f"layer {self.layer!r} computes something else in Keras than the firmware would: on {self.probe} "
            f"Keras gives {self.keras:.5g} where the firmware's float model gives {self.graph:.5g}"
        )


def check_model(model: keras.Model, samples: Samples | None = None) -> None:
    """Refuse a model whose graph computes something else than Keras does.

    `samples`: one array per input, samples first; normal random values where None.

    Raises:
        UserError: naming the layers that can't be computed, or the first that differs; or samples that don't
            fit.
    """
    found = first_difference(model, samples)
    if found:
        raise UserError(
            f"The model isn't what would be searched: {found}; build the layer from others that `bitfront "
            f"doctor` accepts."
        )


def first_difference(model: keras.Model, samples: Samples | None = None) -> Difference | None:
    """Return the first layer, in the order of computation, whose output differs; None if none does.

    The model is left as it came: its weights, and the states that layers keep (counters, seeds).

    Raises:
        UserError: when a layer can't be computed at all, or the samples don't fit the model.
    """
    lowered = lower_with_tensors(model, head="keep")
    graph = lowered[0]
    entries = [graph.entries(graph[name]) for name in graph.inputs]
    probes = probes_of(model, None if samples is None else fitting(model, samples), entries)
    with _kept(model):
        found = _compared(model, lowered, probes)
        if found is None and model.trainable_weights:
            _change_weights(model)
            found = _compared(model, lower_with_tensors(model, head="keep"), probes)
    return found


@contextmanager
def _kept(model: Any) -> Iterator[None]:
    """Give a model back every value that it came with, whatever happens."""
    before = [(variable, np.array(variable)) for variable in model.variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def _change_weights(model: Any) -> None:
    """Give a model the weights that some training might have found."""
    rng = np.random.default_rng(1)
    trained = {id(variable) for variable in model.trainable_weights}
    for variable in model.weights:
        value, kind = np.array(variable), variable.path.rpartition("/")[2]
        if kind == "moving_variance":
            variable.assign(value * np.exp(rng.normal(0, 0.5, value.shape)))
        elif id(variable) in trained or kind == "moving_mean":
            spread = 0.1 + 0.25 * np.abs(value)
            variable.assign(value + rng.normal(0, 1, value.shape) * spread)


# -- what comes out ------------------------------------------------------------------------------------------


def _compared(
    model: Any, lowered: tuple[Graph, Mapping[str, Any]], probes: Mapping[str, Inputs]
) -> Difference | None:
    import keras

    graph, tensors = lowered
    functional = getattr(model, "_functional", None) or model
    names = [node.name for node in graph if node.name in tensors]
    inputs = [np.concatenate(parts) for parts in zip(*probes.values(), strict=True)]
    fed = [x.astype(str(t.dtype)) for x, t in zip(inputs, functional.inputs, strict=True)]
    wanted: dict[str, NDArray[Any]] = {}
    with _keras_at_work(model):
        if names:
            run = keras.Model(list(functional.inputs), [tensors[name] for name in names])
            values = _arrays(run(fed, training=False))
            wanted = dict(zip(names, values, strict=True))
        outputs = _called(model, functional, fed)
    places = np.repeat(list(probes), [len(parts[0]) for parts in probes.values()])
    computed, change = _graph_values(graph, inputs, wanted)
    for node in graph:
        if node.name in wanted:
            found = _difference(node, wanted[node.name], computed[node.name], change[node.name], places)
            if found:
                return found
    for name, value in zip(graph.outputs, outputs, strict=True):
        found = _difference(graph[name], value, computed[name], change[name], places)
        if found:
            return found
    return None


@contextmanager
def _keras_at_work(model: Any) -> Iterator[None]:
    """Tell in one sentence what a model raises, which may hold code of the user's."""
    try:
        yield
    except Exception as error:
        lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines() if line.strip()]
        told = [line for line in lines if not line.startswith("Exception encountered")]
        reason = (told or lines or [""])[0].rstrip(".: ")
        raise UserError(
            f"Keras can't compute model {model.name!r} on inputs of its shape, a batch of them at once "
            f"({type(error).__name__}{': ' if reason else ''}{reason[:200]}): it must take any batch and any "
            f"finite values."
        ) from error


def _arrays(values: Any) -> list[NDArray[np.float32]]:
    """Return tensors of whatever structure and type as the numbers that the firmware's model computes
    with.
    """
    import keras

    return [np.asarray(value).astype(np.float32) for value in keras.tree.flatten(values)]


def _called(model: Any, functional: Any, inputs: Inputs) -> list[NDArray[np.float32]]:
    """Return what calling the model itself gives, which a class of the user's own may do in its own way."""
    import keras

    structure = getattr(functional, "_inputs_struct", None)
    packed = inputs[0] if structure is None else keras.tree.pack_sequence_as(structure, list(inputs))
    return _arrays(model(packed, training=False))


def _graph_values(
    graph: Graph, inputs: Inputs, keras_values: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return what each node gives for Keras's values of its inputs, and how far roundings of those move it.

    Nodes within a layer (the scores of an attention) have no values of Keras's: what rounding moved in them
    moves the next.
    """
    import tensorflow as tf

    from ..bit_true import BitTrue

    bit_true = BitTrue(graph)
    bit_true.mode.exact, bit_true.mode.training, bit_true.mode.dtype = False, False, tf.float32
    rng = np.random.default_rng(2)
    given = iter(inputs)
    values: dict[str, NDArray[Any]] = {}
    moved: dict[str, NDArray[Any]] = {}
    change: dict[str, NDArray[Any]] = {}
    for node in graph:
        first = [] if node.inputs else [next(given)]
        sources = first or [keras_values.get(i, values[i]) for i in node.inputs]
        others = first or [keras_values.get(i, moved[i]) for i in node.inputs]
        if not first:  # what goes in is exact
            others = [_rounded(x, rng) for x in others]
        layer = bit_true.layers[node.name]
        values[node.name] = np.asarray(layer([tf.constant(x) for x in sources]))
        moved[node.name] = np.asarray(layer([tf.constant(x) for x in others]))
        finite = np.isfinite(moved[node.name]) & np.isfinite(values[node.name])
        change[node.name] = np.zeros_like(values[node.name])
        if "grid" not in node.attrs:
            np.abs(moved[node.name] - values[node.name], where=finite, out=change[node.name])
        if node.traits.normalizes:
            change[node.name] = np.maximum(change[node.name], _mean_rounding(graph, node, sources[0]))
    return values, change


def _mean_rounding(graph: Graph, node: Node, x: NDArray[Any]) -> NDArray[Any]:
    """Return how far a layer normalization moves where its mean is rounded, which counts where values hardly
    differ.
    """
    spread = np.sqrt(x.var(-1, keepdims=True) + node.attrs["epsilon"])
    scale = float(np.abs(graph.weights[node.name]["scale"]).max())
    moved: NDArray[Any] = 1e-7 * scale * np.abs(x).max(-1, keepdims=True) / spread
    return moved


def _rounded(x: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return values each moved by a rounding; samples of zeros alone as well, after which sums of weights
    still round.
    """
    signs = rng.choice([-1, 1], x.shape)
    zeros = ~x.any(axis=tuple(range(1, x.ndim)), keepdims=True)
    return (x * (1 + 2e-7 * signs) + 1e-7 * signs * zeros).astype(np.float32)


def _jump(node: Node) -> float:
    """Return how far a value at a tie of its own rounding may fall on the other side."""
    step, low, high = (np.asarray(one) for one in node.attrs["grid"])
    return float((high - low + step if node.attrs.get("wraps") else step).max())


def _difference(
    node: Node, wanted: NDArray[Any], got: NDArray[Any], change: NDArray[Any], places: NDArray[Any]
) -> Difference | None:
    """Return where a node's values aren't Keras's; None where they are."""
    if wanted.shape != got.shape:
        wanted = wanted.reshape(got.shape) if wanted.size == got.size else np.full_like(got, np.nan)
    finite = np.isfinite(wanted)
    odd = finite != np.isfinite(got)
    off = np.zeros(got.shape, np.float64)
    both = finite & ~odd
    off[both] = np.abs(wanted[both].astype(np.float64) - got[both])
    off[odd] = np.inf
    for place in dict.fromkeys(places):
        rows = places == place
        here, known = off[rows], np.abs(wanted[rows][finite[rows]])
        noise = _NOISE * float(change[rows].max(initial=0.0))
        allowed = _CLOSE * float(known.max(initial=0.0)) + noise + 1e-6
        wrong = here > allowed
        if "grid" in node.attrs and wrong.mean() <= _TIES:
            wrong &= here > 1.01 * _jump(node)
        if wrong.any():
            spot = np.unravel_index(int(np.argmax(here)), here.shape)
            return Difference(
                node.layer, node.name, str(place), float(wanted[rows][spot]), float(got[rows][spot])
            )
    return None
