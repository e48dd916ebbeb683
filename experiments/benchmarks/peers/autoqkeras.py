"""AutoQKeras (QKeras 0.9, Keras 2) in an environment of its own: Bayesian optimization of its one score.

`PYTHON_OF_AUTOQKERAS autoqkeras.py TASK_FOLDER OUT --seconds 240`; `environments.py` builds the environment.
The score weighs accuracy against bits; since it is one number, the time is divided among three weights of it
(`stress`), each a run of its own. Every model that it trains is a candidate. Of a recurrent layer it chooses
the widths of both kernels; it has no choice of quantizers for the state, which stays in float, and replaces
tanh by a hard one of its own, so that such candidates are scored by their own outputs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from candidates import KERNELS, LOSSES, RECURRENT, Candidates, command, kernel_layers, read_task, weights_of

STRESSES = (1.0, 0.3, 0.1)
"""Weights of the size: a smaller one asks for smaller models."""
MENU = {
    "kernel": {f"quantized_bits({w},{1 if w == 2 else 0},1,alpha=1.0)": w for w in range(2, 9)},
    "bias": {"quantized_bits(8,3,1,alpha=1.0)": 8},
    "activation": {f"quantized_relu({w},{i})": w for w, i in ((2, 1), (3, 1), (4, 2), (6, 2), (8, 3))}
    | {"quantized_tanh(8)": 16},
    "recurrent_activation": {"quantized_sigmoid(8)": 16},
    "linear": {"quantized_bits(16,6,1,alpha=1.0)": 16},
}
RELUS = [name for name in MENU["activation"] if "relu" in name]


class Spent(BaseException):
    """The time is over; no `except Exception` of the tuner, which goes on after failed trials, swallows
    it.
    """


def float_model(facts: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Return the task's float model, each activation a layer of its own so that AutoQKeras searches it."""
    import tensorflow as tf

    layers = tf.keras.layers
    x = inputs = layers.Input(facts["shape"])
    for layer in facts["layers"]:
        if layer["kind"] == "Dense":
            x = layers.Dense(layer["units"], name=layer["name"])(x)
        elif layer["kind"] == "Conv2D":
            shape = {key: layer[key] for key in ("kernel_size", "strides", "padding")}
            x = layers.Conv2D(layer["filters"], name=layer["name"], **shape)(x)
        elif layer["kind"] in RECURRENT:
            x = getattr(layers, layer["kind"])(layer["units"], name=layer["name"])(x)
        elif layer["kind"] == "MaxPooling2D":
            x = layers.MaxPooling2D(layer["pool_size"], strides=layer["strides"], padding=layer["padding"])(x)
        else:
            x = getattr(layers, layer["kind"])()(x)
        if layer["kind"] in KERNELS - RECURRENT and layer["activation"] != "linear":
            x = layers.Activation(layer["activation"], name=f"{layer['name']}_{layer['activation']}")(x)
    model = tf.keras.Model(inputs, x)
    model.set_weights([arrays[f"w{i}"] for i in range(len(model.get_weights()))])
    return model


def types_of(model: Any, facts: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the types of a model that AutoQKeras built, as the judge reads them."""
    found: dict[str, Any] = {}
    for layer in kernel_layers(facts):
        name = layer["name"]
        quantizers = dict(zip(ROLES[layer["kind"] in RECURRENT], _quantizers(model, name), strict=False))
        if layer["kind"] == "GRU":
            quantizers["recurrent_bias"] = quantizers["bias"]
        for role, one in quantizers.items():
            found[f"{name}/{role}"] = [int(one.bits), int(one.integer) + 1, True]
        if layer["activation"] == "relu":
            relu = model.get_layer(f"{name}_relu").quantizer
            found[f"{name}_relu/result"] = [int(relu.bits), int(relu.integer), False]
    return found


ROLES = {False: ("weight", "bias"), True: ("weight", "recurrent_weight", "bias")}
"""Of the quantizers that a layer names first, by whether it is recurrent."""


def _quantizers(model: Any, name: str) -> Any:
    # QKeras's recurrent layers drop the name that they are given
    recurrent = [layer for layer in model.layers if type(layer).__name__ in {"QLSTM", "QGRU"}]
    known = {layer.name: layer for layer in model.layers}
    return (known[name] if name in known else recurrent[0]).get_quantizers()


def search(folder: Path, out: Path, seconds: float) -> None:
    """Search for so long and leave the candidates in `out`."""
    import keras_tuner
    import tensorflow as tf
    from qkeras.autoqkeras import AutoQKeras

    facts, arrays = read_task(folder)
    tf.keras.utils.set_random_seed(facts["seed"])
    found = Candidates(out, seconds)
    done = 0
    recurrent = any(layer["kind"] in RECURRENT for layer in facts["layers"])
    limit = {"Dense": [8, 8, 16], "Conv2D": [8, 8, 16], "Activation": [RELUS]}
    limit |= {kind: [8, 8, 8, 16] for kind in RECURRENT}
    end = 0.0

    class Tuner(keras_tuner.BayesianOptimization):
        """Keeps every model that was trained, and stops when its share of the time is spent."""

        def __init__(self, hypermodel: Any, autoqkeras_config: Any = None, **kwargs: Any) -> None:
            super().__init__(hypermodel, **kwargs)

        def _populate_initial_space(self) -> None:
            # KerasTuner would build models until every condition had been active once, which never comes here
            space = self.oracle.get_space()
            self.hypermodel.build(space)
            self.oracle.update_space(space)

        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal done
            if found.elapsed >= end:
                raise Spent
            model = self.hypermodel.build(trial.hyperparameters)
            history = model.fit(*args, **kwargs)
            done += 1
            own = float(max(history.history["val_acc"]))
            arrays_left = weights_of(model, facts)
            if recurrent:
                arrays_left |= {
                    part: model.predict(arrays[f"rounded_x_{part}"], batch_size=2048, verbose=0)
                    for part in ("val", "test")
                }
            found.add(done, arrays_left, types=types_of(model, facts), own=own)
            return {key: values[-1] for key, values in history.history.items()}

    for position, stress in enumerate(STRESSES, 1):
        end = seconds * position / len(STRESSES)
        goal = {
            "type": "bits",
            "params": {
                "delta_p": 8.0,
                "delta_n": 8.0,
                "rate": 2.0,
                "stress": stress,
                "input_bits": 8,
                "output_bits": 16,
                "ref_bits": 8,
                "config": {"default": ["parameters", "activations"]},
            },
        }
        model = float_model(facts, arrays)
        model.compile(
            # AutoQKeras hands one optimizer to every model that it builds, which the newer kind refuses
            tf.keras.optimizers.legacy.Adam(facts["learning_rate"]),
            LOSSES[facts["task"]],
            metrics=["acc"],
        )
        with tempfile.TemporaryDirectory() as place:
            searcher = AutoQKeras(
                model,
                metrics=["acc"],
                custom_objects={},
                goal=goal,
                output_dir=str(Path(place) / "tuner"),
                mode="bayesian",
                custom_tuner=Tuner,
                transfer_weights=True,
                activation_bits=8,
                limit=limit,
                # a last sigmoid would become a ReLU, which no loss for probabilities can train
                layer_indexes=range(len(model.layers) - 1),
                tune_filters="none",
                tune_filters_exceptions="",
                quantization_config=MENU,
                max_trials=10_000,
                seed=facts["seed"] + 1000 * position,  # else each run begins with the same trials
            )
            try:
                searcher.tuner.search(
                    arrays["rounded_x_train"],
                    arrays["y_train"],
                    batch_size=facts["batch_size"],
                    epochs=facts["epochs"],
                    validation_data=(arrays["rounded_x_val"], arrays["y_val"]),
                    verbose=0,
                )
            except Spent:
                continue
    found.write()


if __name__ == "__main__":
    command("AutoQKeras on a task.", search)
