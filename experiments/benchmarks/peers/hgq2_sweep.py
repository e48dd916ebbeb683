"""HGQ2's sweep in an environment of its own: one training in which the price of EBOPs (beta) grows, many
checkpoints.

`PYTHON_OF_HGQ2 hgq2_sweep.py TASK_FOLDER OUT --seconds 240`; `environments.py` builds the environment. Widths
of every weight and activation are trained. beta grows from `BETAS[0]` to `BETAS[1]` evenly in its logarithm
over the time given. Every epoch leaves a checkpoint; those that no other beats on validation data are scored
once the time is over, after `trace_minmax` has set the integer bits as HGQ2 wants it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from candidates import Candidates, command, read_task
from hgq2_layers import build, judged_ebops

BETAS = (5e-7, 1e-3)
"""Price of an EBOP at the start and at the end: lower ones change nothing that a search could find."""


def search(folder: Path, out: Path, seconds: float) -> None:
    """Train for so long and leave the checkpoints in `out`."""
    import keras
    from hgq.layers import QLayerBase
    from hgq.utils import trace_minmax

    facts, arrays = read_task(folder)
    keras.utils.set_random_seed(facts["seed"])
    found = Candidates(out, seconds)
    model = build(facts, arrays)
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if facts["task"] == "binary"
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    binary = facts["task"] == "binary"
    metric = keras.metrics.BinaryAccuracy("acc", threshold=0.0) if binary else "accuracy"
    steps = math.ceil(len(arrays["x_train"]) / facts["batch_size"])
    # compiled by XLA, an epoch a call: twice as fast after 16 s of compiling
    model.compile(
        keras.optimizers.Adam(facts["learning_rate"]),
        loss,
        metrics=[metric],
        # XLA has no gradient of a recurrent loop whose shapes are broadcast, as HGQ2's are
        jit_compile=not any(isinstance(layer, keras.layers.RNN) for layer in model._flatten_layers()),
        steps_per_execution=steps,
    )
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
        outputs |= {f"w{i}": weight for i, weight in enumerate(model.get_weights())}
        found.add(epoch / facts["epochs"], outputs, at=at, ebops=judged_ebops(model), own=own)
    found.write()


if __name__ == "__main__":
    command("HGQ2's sweep on a task.", search)
