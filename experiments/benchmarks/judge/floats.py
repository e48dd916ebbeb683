"""The float half: refused in one sentence, or the lowered graph gives Keras's own outputs on every set of
inputs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.hls import check_model
from bitfront.spaces import Graph, UserError, lower

from .inputs import SAMPLES, SETS, input_sets, study_data
from .networks import Network

Arrays = list[NDArray[np.float64]]
ROUNDING = 2e-4
"""Difference, as a share of the largest output of a set, that float32's order of summation explains."""
DISTURBED = 3e-7
"""How much, relatively, inputs and weights are disturbed to see what rounding does to Keras's own outputs."""
TOLD = 20.0
"""Multiple of what that disturbance does from which on a difference is none of rounding."""


WITNESS = "isn't what would be searched"
"""Part of the refusal of a model whose graph differs from Keras."""


@dataclass(frozen=True)
class Verdict:
    """What became of one model: refused with a sentence, accepted with a graph, or a fault."""

    refusal: str | None = None
    graph: Graph | None = None
    fault: str | None = None
    kind: str = ""
    """Sort of the fault, `computes something else` say, and the layers of the model."""


def judge_float(network: Network) -> Verdict | None:
    """Judge the float half of one model; None where Keras itself can't compute it."""
    sets = input_sets(network.model, 1)
    batch = [np.concatenate(parts) for parts in zip(*sets.values(), strict=True)]
    try:
        expected = keras_outputs(network.model, batch)
    except Exception:  # whatever Keras raises: there is nothing to compare with
        return None
    try:
        graph = lower(network.model, head=network.head)
        # what a study asks before it begins, with data of its own
        check_model(network.model, study_data(network.model))
    except UserError as error:
        return _refused(network, str(error))
    except Exception as error:  # what is judged: a user would see a traceback
        return Verdict(
            fault=f"{type(error).__name__}: {error}", kind=f"a check raises {type(error).__name__}"
        )
    try:
        fault = difference(network, graph, batch, expected)
    except Exception as error:  # as above
        return Verdict(
            graph=graph,
            fault=f"{type(error).__name__}: {error}",
            kind=f"the float graph raises {type(error).__name__}",
        )
    return Verdict(graph=graph, fault=fault, kind="computes something else" if fault else "")


def _refused(network: Network, sentence: str) -> Verdict:
    """Return the verdict on a refusal: a fault where it is no sentence, or blames what is meant to be
    exact.
    """
    fault = no_sentence(sentence)
    if fault:
        return Verdict(refusal=sentence, fault=fault, kind="refusal is no sentence")
    if not network.odd and WITNESS in sentence:
        # no layer of the user's, no odd option: either the lowering errs or the witness does
        return Verdict(refusal=sentence, fault=sentence, kind="a plain model is lowered to something else")
    return Verdict(refusal=sentence)


def no_sentence(text: str) -> str | None:
    """Return what is wrong with a refusal's text, or None."""
    if not text.strip().endswith(".") or "\n" in text:
        return f"the refusal is no sentence: {text!r}"
    if re.search(r"Traceback|object at 0x|<class |KerasTensor", text):
        return f"the refusal shows an object of Python: {text!r}"
    return None


def difference(
    network: Network, graph: Graph, batch: list[NDArray[np.float32]], expected: Arrays
) -> str | None:
    """Return where the lowered graph differs from Keras, or None: every output on every set of inputs.

    What seems to differ is computed once more in float64, and beside what Keras itself gives when inputs and
    weights are off by a last bit: rounding is no fault.
    """
    found = with_head(network, graph, graph_outputs(graph, batch))
    if len(expected) != len(found):
        return f"Keras gives {len(expected)} outputs, the graph {len(found)}"
    for position, (wanted, got) in enumerate(zip(expected, found, strict=True)):
        if wanted.size != got.size:
            return f"output {position} has shape {wanted.shape[1:]}, in the graph {got.shape[1:]}"
    suspect = [
        (position, name, rows)
        for position, (wanted, got) in enumerate(zip(expected, found, strict=True))
        for name, rows in zip(SETS, _rows(), strict=True)
        if _apart(wanted[rows], got.reshape(wanted.shape)[rows]).max(initial=0.0) > ROUNDING
    ]
    if not suspect or _same_in_double(network, graph, batch, suspect):
        return None
    disturbed = disturbed_outputs(network.model, batch)
    for position, name, rows in suspect:
        wanted, got, near = (
            y[position].reshape(expected[position].shape)[rows] for y in (expected, found, disturbed)
        )
        apart = _apart(wanted, got)
        if _rounding(apart, _apart(wanted, near)):
            continue
        worst = np.unravel_index(int(np.argmax(apart)), apart.shape)
        return (
            f"output {position} on {name!r}: Keras {wanted[worst]:.6g}, graph {got[worst]:.6g} "
            f"({np.mean(apart > ROUNDING):.0%} of the values differ)"
        )
    return None


def _rows() -> list[slice]:
    return [slice(SAMPLES * at, SAMPLES * (at + 1)) for at in range(len(SETS))]


def _same_in_double(
    network: Network,
    graph: Graph,
    batch: list[NDArray[np.float32]],
    suspect: Sequence[tuple[int, str, slice]],
) -> bool:
    """Return whether Keras and graph agree where they seemed to differ, once both compute in float64."""
    try:
        expected = double_outputs(network, batch)
    except Exception:  # QKeras and user code may know float32 alone
        return False
    found = with_head(network, graph, graph_outputs(graph, batch, double=True))
    for position, _, rows in suspect:
        wanted = expected[position]
        if _apart(wanted[rows], found[position].reshape(wanted.shape)[rows]).max(initial=0.0) > ROUNDING:
            return False
    return True


def double_outputs(network: Network, batch: Sequence[NDArray[np.float32]]) -> Arrays:
    """Return what Keras computes with float64 everywhere: the model's own lines, run again."""
    import keras

    usual = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        model = network.program.again()
        model.set_weights([np.asarray(w) for w in network.model.weights])
        return keras_outputs(model, [x.astype(np.float64) for x in batch])
    finally:
        keras.config.set_floatx(usual)


def _apart(wanted: NDArray[np.float64], got: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the differences as shares of the largest wanted value; none where Keras itself overflows."""
    sound = np.isfinite(wanted) & (np.abs(wanted) < 1e30)
    scale = max(np.abs(wanted[sound]).max(initial=0.0), 1e-2)
    return np.where(sound, np.abs(np.nan_to_num(got, nan=1e30) - np.where(sound, wanted, 0.0)), 0.0) / scale


def _rounding(apart: NDArray[np.float64], noise: NDArray[np.float64]) -> bool:
    """Return whether rounding explains a difference: Keras's own outputs move as much, and as often."""
    if apart.max() > TOLD * noise.max():
        return False
    return bool(np.mean(apart > ROUNDING) <= 4 * np.mean(noise > ROUNDING / TOLD) + 0.02)


def keras_outputs(model: Any, batch: Sequence[NDArray[np.floating]]) -> Arrays:
    """Return Keras's outputs in the model's order."""
    import keras

    names = list(model.outputs)
    flat = keras.Model(model.inputs, names) if isinstance(model.output, dict) else model
    result = flat(batch if len(batch) > 1 else batch[0], training=False)
    results = result if isinstance(result, list | tuple) else [result]
    return [np.asarray(keras.ops.convert_to_numpy(r), np.float64) for r in results]


def disturbed_outputs(model: Any, batch: Sequence[NDArray[np.float32]]) -> Arrays:
    """Return Keras's outputs for inputs and weights that are off by a last bit or two; the weights are put
    back.
    """
    rng = np.random.default_rng(0)

    def near(values: Any) -> Any:
        return values * (1 + DISTURBED * rng.choice([-1.0, 1.0], np.shape(values)))

    own = [w for w in model.weights if "float32" in str(w.dtype)]
    kept = [np.asarray(w) for w in own]
    for weight, value in zip(own, kept, strict=True):
        weight.assign(near(value))
    try:
        return keras_outputs(model, [near(x).astype(np.float32) for x in batch])
    finally:
        for weight, value in zip(own, kept, strict=True):
            weight.assign(value)


def graph_outputs(graph: Graph, batch: Sequence[NDArray[np.float32]], *, double: bool = False) -> Arrays:
    """Return what the lowered graph computes in float."""
    import tensorflow as tf

    from bitfront.hls import BitTrue

    bit_true_model = BitTrue(graph)
    dtype = tf.float64 if double else tf.float32
    bit_true_model.mode.exact, bit_true_model.mode.training, bit_true_model.mode.dtype = False, False, dtype
    # not traced: that would take longer than all the rest
    return [np.asarray(v, np.float64) for v in bit_true_model.forward([tf.constant(x, dtype) for x in batch])]


def with_head(network: Network, graph: Graph, outputs: Arrays) -> Arrays:
    """Return the outputs of a graph with the last activations that its head left off."""
    import keras

    whole = lower(network.model, head="keep")
    ends = {"softmax": keras.ops.softmax, "sigmoid": keras.ops.sigmoid}
    return [
        y if kept == left else np.asarray(ends[whole[kept].op](y))
        for y, kept, left in zip(outputs, whole.outputs, graph.outputs, strict=True)
    ]
