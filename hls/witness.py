"""Is what is searched the model that came? The graph that was made of it beside Keras's own outputs, layer by layer.

The witness is Keras: it computes the model as it came. Every node is given what Keras gives for its inputs, so that the
first layer that differs is the one to name. Inputs are the study's samples and stressed ones, since a layer can be the
identity on small values and a clip on large ones; and weights are changed for a second look, since a layer that is
about to be trained can begin as the identity.
"""

from __future__ import annotations

import re
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
Samples = NDArray[Any] | Sequence[Any] | Mapping[str, Any]
"""An array per input, samples first: in a list, by the inputs' names, or the one array of one input."""
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


def check_model(model: keras.Model, samples: Samples | None = None) -> None:
    """Refuse a model whose graph computes something else than Keras does.

    `samples`: one array per input, samples first; normal random values where None.

    Raises:
        UserError: naming the layers that can't be computed, or the first that differs; or samples that don't fit.
    """
    found = first_difference(model, samples)
    if found:
        raise UserError(
            f"The model isn't what would be searched: {found}; build the layer from others that `bitfront doctor` accepts."
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
    probes = _probes(model, None if samples is None else _fitting(model, samples), entries)
    with _kept(model):
        found = _compared(model, lowered, probes)
        if found is None and model.trainable_weights:
            _change_weights(model)
            found = _compared(model, lower_with_tensors(model, head="keep"), probes)
    return found


# -- what goes in ----------------------------------------------------------------------------------------------


def _fitting(model: Any, samples: Samples) -> list[NDArray[np.float32]]:
    """Return the samples as one array of float32 per input of the model.

    Raises:
        UserError: when they don't fit the inputs in number, shape or type.
    """
    inputs = {tensor._keras_history.operation.name: tensor for tensor in model.inputs}
    if isinstance(samples, Mapping):
        if set(samples) != set(inputs):
            raise UserError(
                f"The samples are named {', '.join(map(str, samples))}, the model's inputs {', '.join(inputs)}."
            )
        samples = [samples[name] for name in inputs]
    elif hasattr(samples, "shape"):
        samples = [samples]
    if len(samples) != len(inputs):
        raise UserError(f"The samples are {len(samples)} arrays, the model has {len(inputs)} inputs.")
    found = []
    for (name, tensor), given in zip(inputs.items(), samples, strict=True):
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(given).astype(np.float32)
        except (TypeError, ValueError):
            raise UserError(f"The samples of input {name!r} aren't an array of numbers.") from None
        if array.shape[1:] != tuple(tensor.shape[1:]) or not len(array):
            raise UserError(
                f"The samples of input {name!r} have shape {array.shape}: it takes (samples, "
                f"{', '.join(map(str, tensor.shape[1:]))}), one sample at least."
            )
        if not np.isfinite(array).all():
            raise UserError(f"The samples of input {name!r} hold NaN, infinity or numbers beyond float32.")
        kind = str(tensor.dtype)
        lost = array[_possible(array, kind) != array]
        if lost.size:
            raise UserError(
                f"Input {name!r} is of type {kind}, which can't hold {lost[0]:g} of its samples: "
                "build it as float32, or give values of that type."
            )
        found.append(array)
    if len({len(array) for array in found}) > 1:
        raise UserError(f"The inputs have {', '.join(str(len(a)) for a in found)} samples: give all as many.")
    return found


def _require_entries(model: Any, samples: Inputs, entries: Sequence[int]) -> None:
    """Refuse samples of an input that chooses entries which are no numbers of any.

    Raises:
        UserError: naming the input, the first such value and what it may be.
    """
    for tensor, array, count in zip(model.inputs, samples, entries, strict=True):
        wrong = array[(array != np.round(array)) | (array < 0) | (array >= count)] if count else array[:0]
        if wrong.size:
            raise UserError(
                f"Input {tensor._keras_history.operation.name!r} holds {wrong.flat[0]:g}: an Embedding with {count} entries "
                f"reads it, so give whole numbers from 0 to {count - 1}."
            )


def _probes(
    model: Any, samples: Inputs | None, entries: Sequence[int]
) -> dict[str, list[NDArray[np.float32]]]:
    """Return the inputs to compare on, by what they are called; `entries`: how many each input chooses from, 0 of others."""
    rng = np.random.default_rng(0)
    if samples is not None:
        _require_entries(model, samples, entries)
    shapes = [tuple(t.shape[1:]) for t in model.inputs]
    if samples is None:
        base: list[Any] = [rng.normal(size=(SAMPLES, *shape)).astype(np.float32) for shape in shapes]
    else:
        chosen = _chosen(samples, rng)
        base = [x[chosen] for x in samples]
    whole = base if samples is None else samples
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
        key: [_possible(x, kind, n) for x, kind, n in zip(xs, kinds, entries, strict=True)]
        for key, xs in probes.items()
    }


def _possible(x: NDArray[Any], kind: str, entries: int = 0) -> NDArray[np.float32]:
    """Return values that an input of this type can hold: whole ones in its range where it is an integer's or chooses entries."""
    if entries:
        return (np.round(np.abs(x)) % entries).astype(np.float32)
    if kind == "bool":
        return (x > 0).astype(np.float32)
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


# -- what comes out --------------------------------------------------------------------------------------------


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
            f"({type(error).__name__}{': ' if reason else ''}{reason[:200]}): it must take any batch and any finite values."
        ) from error


def _arrays(values: Any) -> list[NDArray[np.float32]]:
    """Return tensors of whatever structure and type as the numbers that the firmware's model computes with."""
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

    Nodes within a layer (the scores of an attention) have no values of Keras's: what rounding moved in them moves the next.
    """
    import tensorflow as tf

    from .bit_true import BitTrue

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
    """Return how far a layer normalization moves where its mean is rounded, which counts where values hardly differ."""
    spread = np.sqrt(x.var(-1, keepdims=True) + node.attrs["epsilon"])
    scale = float(np.abs(graph.weights[node.name]["scale"]).max())
    moved: NDArray[Any] = 1e-7 * scale * np.abs(x).max(-1, keepdims=True) / spread
    return moved


def _rounded(x: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return values each moved by a rounding; samples of zeros alone as well, after which sums of weights still round."""
    signs = rng.choice([-1, 1], x.shape)
    zeros = ~x.any(axis=tuple(range(1, x.ndim)), keepdims=True)
    return (x * (1 + 2e-7 * signs) + 1e-7 * signs * zeros).astype(np.float32)


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
            wrong &= here > 1.01 * node.attrs["grid"][0]
        if wrong.any():
            spot = np.unravel_index(int(np.argmax(here)), here.shape)
            return Difference(
                node.layer, node.name, str(place), float(wanted[rows][spot]), float(got[rows][spot])
            )
    return None
