"""NSGA-II over QKeras models that are built, traced and trained anew every trial, as SNAC-Pack does.

`python rebuilt.py TASK_FOLDER OUT --seconds 240`, in bitfront's environment (qkeras-v3, Optuna); bitfront
isn't used. Optuna's settings are its defaults (a population of 50), widths are categorical as there. The
objectives are the validation metric (accuracy) and the bit operations: products of the widths of weights and
inputs, summed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from candidates import KERNELS, LOSSES, RECURRENT, Candidates, command, kernel_layers, read_task, weights_of

WEIGHTS = {2: 1, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 8: 0}
"""Width of weights -> integer bits without the sign's."""
RESULTS = {2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3}
"""Width of what a ReLU gives -> its integer bits."""
STATES = dict.fromkeys(range(2, 9), 0)
"""Width of a recurrent layer's state, which lies between -1 and 1 -> its integer bits without the sign's."""
BIASES = (8, 3)
"""Width and integer bits of biases, which are not searched."""


def types_of(facts: dict[str, Any], chosen: dict[str, tuple[int, int]]) -> dict[str, list[Any]]:
    """Return the candidate's types as the judge reads them; `chosen`: layer and role -> width, integer
    bits.
    """
    found: dict[str, list[Any]] = {}
    for layer in kernel_layers(facts):
        name = layer["name"]
        width, integer = chosen[f"{name}/weight"]
        found[f"{name}/weight"] = [width, integer + 1, True]
        width, integer = chosen.get(f"{name}/bias", BIASES)
        found[f"{name}/bias"] = [width, integer + 1, True]
        if layer["kind"] in RECURRENT:
            width, integer = chosen[f"{name}/recurrent_weight"]
            found[f"{name}/recurrent_weight"] = [width, integer + 1, True]
            width, integer = chosen[f"{name}/result"]
            found[f"{name}/result"] = [width, integer + 1, True]
            if layer["kind"] == "GRU":
                found[f"{name}/recurrent_bias"] = [BIASES[0], BIASES[1] + 1, True]
        elif layer["activation"] == "relu":
            width, integer = chosen[f"{name}/result"]
            found[f"{name}_relu/result"] = [width, integer, False]
    return found


def menus(layer: dict[str, Any]) -> dict[str, dict[int, int]]:
    """Return what is searched of a layer: role -> width -> integer bits."""
    if layer["kind"] in RECURRENT:
        return {"weight": WEIGHTS, "recurrent_weight": WEIGHTS, "result": STATES}
    return {"weight": WEIGHTS} | ({"result": RESULTS} if layer["activation"] == "relu" else {})


def build(facts: dict[str, Any], chosen: dict[str, tuple[int, int]]) -> Any:
    """Return the quantized model of a candidate."""
    import keras
    import qkeras

    def bits(key: str) -> Any:
        width, integer = chosen.get(key, BIASES)
        return qkeras.quantized_bits(width, integer, keep_negative=True, alpha=1.0)

    model = keras.Sequential([keras.Input(facts["shape"])])
    for layer in facts["layers"]:
        name = layer["name"]
        if layer["kind"] in RECURRENT:
            quantized = qkeras.QLSTM if layer["kind"] == "LSTM" else qkeras.QGRU
            model.add(
                quantized(
                    layer["units"],
                    kernel_quantizer=bits(f"{name}/weight"),
                    recurrent_quantizer=bits(f"{name}/recurrent_weight"),
                    bias_quantizer=bits(f"{name}/bias"),
                    state_quantizer=bits(f"{name}/result"),
                    activation="tanh",
                    recurrent_activation="sigmoid",
                    **({"reset_after": True} if layer["kind"] == "GRU" else {}),
                )
            )
        elif layer["kind"] in KERNELS:
            shared = {"kernel_quantizer": bits(f"{name}/weight"), "bias_quantizer": bits(f"{name}/bias")}
            if layer["kind"] == "Dense":
                model.add(qkeras.QDense(layer["units"], name=name, **shared))
            else:
                shape = {key: layer[key] for key in ("strides", "padding")}
                kernel = layer["kernel_size"]
                model.add(qkeras.QConv2D(layer["filters"], kernel, name=name, **shape, **shared))
            if layer["activation"] == "relu":
                model.add(qkeras.QActivation(qkeras.quantized_relu(*chosen[f"{name}/result"])))
            elif layer["activation"] != "linear":
                model.add(keras.layers.Activation(layer["activation"]))
        elif layer["kind"] == "MaxPooling2D":
            model.add(
                keras.layers.MaxPooling2D(
                    layer["pool_size"], strides=layer["strides"], padding=layer["padding"]
                )
            )
        else:
            model.add(getattr(keras.layers, layer["kind"])())
    return model


def bit_operations(facts: dict[str, Any], chosen: dict[str, tuple[int, int]], model: Any) -> float:
    """Return the sum over layers of multiplications times both widths; inputs have 8 bits."""
    total, width = 0.0, 8
    weighted = [layer for layer in model.layers if layer.weights]
    for layer, built in zip(kernel_layers(facts), weighted, strict=True):
        name = layer["name"]
        kernel, *recurrent, _ = (int(np.prod(w.shape)) for w in built.weights)
        times = int(np.prod(built.output.shape[1:-1])) if layer["kind"] == "Conv2D" else 1
        if layer["kind"] in RECURRENT:
            times, state = int(facts["shape"][0]), chosen[f"{name}/result"][0]
            total += times * recurrent[0] * chosen[f"{name}/recurrent_weight"][0] * state
        total += times * kernel * chosen[f"{name}/weight"][0] * width
        width = chosen.get(f"{name}/result", (width, 0))[0]
    return total


def search(folder: Path, out: Path, seconds: float) -> None:
    """Search for so long and leave the candidates in `out`."""
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    facts, arrays = read_task(folder)
    start = [arrays[f"w{i}"] for i in range(sum(key[0] == "w" and key[1:].isdigit() for key in arrays))]
    keras.utils.set_random_seed(facts["seed"])
    found = Candidates(out, seconds)
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=optuna.samplers.NSGAIISampler(seed=facts["seed"])
    )
    done = 0
    while not found.stop:
        trial = study.ask()
        chosen: dict[str, tuple[int, int]] = {}
        for layer in kernel_layers(facts):
            for role, menu in menus(layer).items():
                key = f"{layer['name']}/{role}"
                width = trial.suggest_categorical(key, list(menu))
                chosen[key] = (width, menu[width])
        model = build(facts, chosen)
        model.set_weights(start)
        model.compile(
            keras.optimizers.Adam(facts["learning_rate"]), LOSSES[facts["task"]], metrics=["accuracy"]
        )
        target = arrays["y_train"] if facts["task"] == "multiclass" else arrays["y_train"].reshape(-1, 1)
        model.fit(
            arrays["rounded_x_train"],
            target,
            batch_size=facts["batch_size"],
            epochs=facts["epochs"],
            verbose=0,
        )
        output = model.predict(arrays["rounded_x_val"], batch_size=2048, verbose=0)
        guessed = output.argmax(1) if facts["task"] == "multiclass" else output[:, 0] > 0.5
        own = float(np.mean(guessed == arrays["y_val"].ravel()))
        study.tell(trial, [own, bit_operations(facts, chosen, model)])
        done += 1
        found.add(done, weights_of(model, facts), types=types_of(facts, chosen), own=own)
        keras.backend.clear_session()
    found.write()


if __name__ == "__main__":
    command("NSGA-II over rebuilt QKeras models.", search)
