"""HGQ2's sweep in an environment of its own: one training in which the price of EBOPs (beta) grows, many checkpoints.

`PYTHON_OF_HGQ2 hgq2_sweep.py TASK_FOLDER OUT --seconds 240`; `environments.py` builds the environment. Widths of every
weight and activation are trained. beta grows from `BETAS[0]` to `BETAS[1]` evenly in its logarithm over the time given.
Every epoch leaves a checkpoint; those that no other beats on validation data are scored once the time is over, after
`trace_minmax` has set the integer bits as HGQ2 wants it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from candidates import Candidates, command, kernel_layers, read_task

BETAS = (1e-8, 1e-3)
"""Price of an EBOP at the start and at the end."""


def build(facts: dict[str, Any]) -> Any:
    """Return the task's model of HGQ2's layers, eight bits to begin with."""
    import hgq.layers as layers
    import keras
    from hgq.config import QuantizerConfigScope

    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM", b0=7, i0=1),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP", f0=6, i0=3),
    ):
        x = inputs = keras.Input(facts["shape"])
        for layer in facts["layers"]:
            name = layer["name"]
            if layer["kind"] == "Dense":
                x = layers.QDense(layer["units"], name=name, activation=_inner(layer["activation"]))(x)
            elif layer["kind"] == "Conv2D":
                shape = {key: layer[key] for key in ("kernel_size", "strides", "padding")}
                activation = _inner(layer["activation"])
                x = layers.QConv2D(layer["filters"], name=name, activation=activation, **shape)(x)
            elif layer["kind"] == "MaxPooling2D":
                shape = {key: layer[key] for key in ("pool_size", "strides", "padding")}
                x = keras.layers.MaxPooling2D(**shape)(x)
            else:
                x = getattr(keras.layers, layer["kind"])()(x)
    return keras.Model(inputs, x)


def _inner(activation: str) -> str | None:
    """Return an activation that the hardware computes; a last sigmoid or softmax goes into the loss."""
    return activation if activation == "relu" else None


def load(model: Any, facts: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Give the model the float weights."""
    names = [layer["name"] for layer in kernel_layers(facts)]
    for position, name in enumerate(names):
        layer = model.get_layer(name)
        layer._kernel.assign(arrays[f"w{2 * position}"])
        layer.bias.assign(arrays[f"w{2 * position + 1}"])


def span(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the bits of each value between its first and last one (0 for 0); 24 behind the point are enough."""
    whole = np.abs(np.round(np.asarray(values, np.float64) * 2**24)).astype(np.int64)
    lowest = np.where(whole > 0, whole & -whole, 1)
    bits = np.floor(np.log2(np.maximum(whole // lowest, 1))) + 1
    return np.where(whole > 0, bits, 0.0)


def judged_ebops(model: Any, facts: dict[str, Any]) -> float:
    """Return the EBOPs by the judge's rule: bits of each constant times the width of each input it meets."""
    import keras

    total = 0.0
    for layer in kernel_layers(facts):
        built = model.get_layer(layer["name"])
        shape = (1, *built.input.shape[1:])
        width = np.asarray(keras.ops.convert_to_numpy(built.iq.bits_(shape)), np.float32)
        width = np.broadcast_to(np.maximum(width, 0), shape)
        bits = span(keras.ops.convert_to_numpy(built.qkernel)).astype(np.float32)
        if layer["kind"] == "Dense":
            total += float((width.reshape(-1, bits.shape[0]) @ bits).sum())
        else:
            products = keras.ops.conv(width, bits, strides=tuple(layer["strides"]), padding=layer["padding"])
            total += float(keras.ops.convert_to_numpy(products).sum())
    return total


def search(folder: Path, out: Path, seconds: float) -> None:
    """Train for so long and leave the checkpoints in `out`."""
    import keras
    from hgq.layers import QLayerBase
    from hgq.utils import trace_minmax

    facts, arrays = read_task(folder)
    keras.utils.set_random_seed(facts["seed"])
    found = Candidates(out, seconds)
    model = build(facts)
    load(model, facts, arrays)
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if facts["task"] == "binary"
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    binary = facts["task"] == "binary"
    metric = keras.metrics.BinaryAccuracy("acc", threshold=0.0) if binary else "accuracy"
    model.compile(keras.optimizers.Adam(facts["learning_rate"]), loss, metrics=[metric])
    priced = [layer for layer in model._flatten_layers() if getattr(layer, "_beta", None) is not None]
    counted = [
        layer for layer in model._flatten_layers() if isinstance(layer, QLayerBase) and layer.enable_ebops
    ]
    kept: list[tuple[float, int, float, float, list[Any]]] = []

    class Sweep(keras.callbacks.Callback):
        """Raises beta with time, keeps each epoch's weights, stops when the time is spent."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            share = min(1.0, found.elapsed / seconds)
            beta = BETAS[0] * (BETAS[1] / BETAS[0]) ** share
            for layer in priced:
                layer._beta.assign(beta)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            own = float(logs["val_acc"] if binary else logs["val_accuracy"])
            ebops = sum(float(keras.ops.convert_to_numpy(layer._ebops)) for layer in counted)
            kept.append((found.elapsed, epoch + 1, own, ebops, model.get_weights()))
            if found.stop:
                model.stop_training = True

    target, val = arrays["y_train"], arrays["y_val"]
    if binary:
        target, val = target.reshape(-1, 1), val.reshape(-1, 1)
    model.fit(
        arrays["x_train"],
        target,
        batch_size=facts["batch_size"],
        epochs=1_000_000,
        validation_data=(arrays["x_val"], val),
        callbacks=[Sweep()],
        verbose=0,
    )
    for at, epoch, own, ebops, weights in kept:
        if any(
            (other[2] >= own and other[3] < ebops) or (other[2] > own and other[3] <= ebops) for other in kept
        ):
            continue
        model.set_weights(weights)
        trace_minmax(model, arrays["x_train"])
        outputs = {
            split: model.predict(arrays[f"x_{split}"], batch_size=2048, verbose=0)
            for split in ("val", "test")
        }
        found.add(epoch / facts["epochs"], outputs, at=at, ebops=judged_ebops(model, facts), own=own)
    found.write()


if __name__ == "__main__":
    command("HGQ2's sweep on a task.", search)
