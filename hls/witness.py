"""Is what is searched the model that came? The graph that was made of it beside Keras's own outputs, layer by layer.

The witness is Keras: it computes the model as it came. Every node is given what Keras gives for its inputs, so that the
first layer that differs is the one to name. Inputs are the study's samples and stressed ones, since a layer can be the
identity on small values and a clip on large ones; and weights are changed for a second look, since a layer that is
about to be trained can begin as the identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Node, UserError, lower_with_tensors

if TYPE_CHECKING:
    import keras

Inputs = Sequence[NDArray[np.floating]]
SAMPLES = 64
"""Samples of the study's data that are compared."""
_CLOSE = 3e-5
"""Difference that float32 sums in another order may show, relative to the largest value of the tensor."""
_NOISE = 20.0
"""How many times the effect of one rounding of its inputs (2e-7) a layer's output may differ."""
_TIES = 0.005
"""Share of values that may fall on the other side of the model's own rounding, since sums differ in the last bit."""


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
            f"layer {self.layer!r} computes something else in Keras than the firmware would: on {self.probe} Keras gives "
            f"{self.keras:.5g} where the firmware's float model gives {self.graph:.5g}"
        )


def check_model(model: keras.Model, samples: Inputs | None = None) -> None:
    """Refuse a model whose graph computes something else than Keras does.

    `samples`: one array per input, samples first; normal random values where None.

    Raises:
        UserError: naming the layers that can't be computed, or the first that differs.
    """
    found = first_difference(model, samples)
    if found:
        raise UserError(
            f"The model isn't what would be searched: {found}; build the layer from others that `bitfront doctor` accepts."
        )


def first_difference(model: keras.Model, samples: Inputs | None = None) -> Difference | None:
    """Return the first layer, in the order of computation, whose output differs; None if none does.

    Raises:
        UserError: when a layer can't be computed at all.
    """
    probes = _probes(model, samples)
    found = _compared(model, probes)
    if found is None and model.trainable_weights:
        with _other_weights(model):
            found = _compared(model, probes)
    return found


# -- what goes in ----------------------------------------------------------------------------------------------


def _probes(model: Any, samples: Inputs | None) -> dict[str, list[NDArray[np.float32]]]:
    """Return the inputs to compare on, by what they are called."""
    rng = np.random.default_rng(0)
    shapes = [tuple(t.shape[1:]) for t in model.inputs]
    if samples is None:
        base: list[Any] = [rng.normal(size=(SAMPLES, *shape)).astype(np.float32) for shape in shapes]
    else:
        chosen = _chosen(samples, rng)
        base = [np.asarray(x, np.float32)[chosen] for x in samples]
    whole = base if samples is None else [np.asarray(x, np.float32) for x in samples]
    low, high = [x.min(0) for x in whole], [x.max(0) for x in whole]
    name = "random inputs" if samples is None else "the data"
    few = [x[: SAMPLES // 2] for x in base]
    mixed = [
        np.where(rng.random((8, *a.shape)) < 0.5, a, b).astype(np.float32)
        for a, b in zip(low, high, strict=True)
    ]
    probes = {
        name: base,
        f"{name} with its sign turned": [-x for x in few],
        f"{name} times 10": [10 * x for x in few],
        f"{name} times 100": [100 * x for x in few],
        "zeros": [np.zeros((1, *shape), np.float32) for shape in shapes],
        "the smallest and largest of each value": [
            np.concatenate([a[None], b[None], m]) for a, b, m in zip(low, high, mixed, strict=True)
        ],
        "normal random inputs": [
            rng.normal(size=(8, *shape)).astype(np.float32) * max(1.0, float(np.abs(x).max(initial=0.0)))
            for shape, x in zip(shapes, base, strict=True)
        ],
    }
    kinds = [str(t.dtype) for t in model.inputs]
    return {
        key: [_possible(x, kind) for x, kind in zip(xs, kinds, strict=True)] for key, xs in probes.items()
    }


def _possible(x: NDArray[Any], kind: str) -> NDArray[np.float32]:
    """Return values that an input of this type can hold: whole ones in its range where it is an integer's."""
    if "int" not in kind:
        return x.astype(np.float32)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return np.clip(np.round(x), max(low, -(2**23)), min(high, 2**23)).astype(np.float32)


def _chosen(samples: Inputs, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of samples to compare: those with the extremes of some value, and others at random."""
    count = len(samples[0])
    extreme: set[int] = set()
    for x in samples:
        flat = np.asarray(x).reshape(count, -1)
        columns = rng.permutation(flat.shape[1])[:8]
        extreme |= {int(i) for i in flat[:, columns].argmax(0)} | {int(i) for i in flat[:, columns].argmin(0)}
    others = [int(i) for i in rng.permutation(count)[:SAMPLES] if i not in extreme]
    return np.array([*sorted(extreme), *others][: max(SAMPLES, len(extreme))], np.int64)


@contextmanager
def _other_weights(model: Any) -> Iterator[None]:
    """Give a model the weights that some training might have found, and its own back."""
    rng = np.random.default_rng(1)
    before = [np.array(variable) for variable in model.weights]
    trained = {id(variable) for variable in model.trainable_weights}
    try:
        for variable, value in zip(model.weights, before, strict=True):
            kind = variable.path.rpartition("/")[2]
            if kind == "moving_variance":
                variable.assign(value * np.exp(rng.normal(0, 0.5, value.shape)))
            elif id(variable) in trained or kind == "moving_mean":
                spread = 0.1 + 0.25 * np.abs(value)
                variable.assign(value + rng.normal(0, 1, value.shape) * spread)
        yield
    finally:
        for variable, value in zip(model.weights, before, strict=True):
            variable.assign(value)


# -- what comes out --------------------------------------------------------------------------------------------


def _compared(model: Any, probes: Mapping[str, Inputs]) -> Difference | None:
    import keras

    graph, tensors = lower_with_tensors(model, head="keep")
    functional = getattr(model, "_functional", None) or model
    names = [node.name for node in graph if node.name in tensors]
    inputs = [np.concatenate(parts) for parts in zip(*probes.values(), strict=True)]
    fed = [x.astype(str(t.dtype)) for x, t in zip(inputs, functional.inputs, strict=True)]
    run = keras.Model(list(functional.inputs), [tensors[name] for name in names])
    values = keras.tree.flatten(run(fed, training=False))
    wanted = {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
    places = np.repeat(list(probes), [len(parts[0]) for parts in probes.values()])
    computed, noise = _graph_values(graph, inputs, wanted)
    for node in graph:
        if node.name in wanted:
            found = _difference(node, wanted[node.name], computed[node.name], noise[node.name], places)
            if found:
                return found
    for name, value in zip(graph.outputs, _called(model, functional, fed), strict=True):
        found = _difference(graph[name], value, computed[name], noise[name], places)
        if found:
            return found
    return None


def _called(model: Any, functional: Any, inputs: Inputs) -> list[NDArray[Any]]:
    """Return what calling the model itself gives, which a class of the user's own may do in its own way."""
    import keras

    structure = getattr(functional, "_inputs_struct", None)
    packed = inputs[0] if structure is None else keras.tree.pack_sequence_as(structure, list(inputs))
    return [np.asarray(value) for value in keras.tree.flatten(model(packed, training=False))]


def _graph_values(
    graph: Graph, inputs: Inputs, keras_values: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], dict[str, float]]:
    """Return what each node gives for Keras's values of its inputs, and how far a rounding of those moves it."""
    import tensorflow as tf

    from .bit_true import BitTrue

    twin = BitTrue(graph)
    twin.mode.exact, twin.mode.training, twin.mode.dtype = False, False, tf.float32
    rng = np.random.default_rng(2)
    given = iter(inputs)
    values: dict[str, NDArray[Any]] = {}
    noise: dict[str, float] = {}
    for node in graph:
        sources = (
            [next(given)] if node.op == "input" else [keras_values.get(i, values[i]) for i in node.inputs]
        )
        layer = twin.layers[node.name]
        values[node.name] = np.asarray(layer([tf.constant(x) for x in sources]))
        moved = [x * (1 + 2e-7 * rng.choice([-1, 1], x.shape)).astype(np.float32) for x in sources]
        again = np.asarray(layer([tf.constant(x) for x in moved]))
        finite = np.isfinite(again) & np.isfinite(values[node.name])
        change = np.abs(again - values[node.name], where=finite, out=np.zeros_like(again))
        if "grid" in node.attrs:
            change = np.zeros_like(change)
        noise[node.name] = float(change.max(initial=0.0))
    return values, noise


def _difference(
    node: Node, wanted: NDArray[Any], got: NDArray[Any], noise: float, places: NDArray[Any]
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
        allowed = _CLOSE * float(known.max(initial=0.0)) + _NOISE * noise + 1e-6
        wrong = here > allowed
        if "grid" in node.attrs and wrong.mean() <= _TIES:
            wrong &= here > 1.01 * node.attrs["grid"][0]
        if wrong.any():
            spot = np.unravel_index(int(np.argmax(here)), here.shape)
            return Difference(
                node.layer, node.name, str(place), float(wanted[rows][spot]), float(got[rows][spot])
            )
    return None
