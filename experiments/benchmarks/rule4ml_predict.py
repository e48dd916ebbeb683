"""Answers a file of designs with rule4ml's own models: run in an environment that has rule4ml, not bitfront.

`python rule4ml_predict.py mlps.json rule4ml.json`. Each design gets its nearest board, hls4ml version and
Vivado version among those that rule4ml knows, and its mean weight width, as rule4ml takes one for the whole
model.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

KEYS = {"LUT": "lut", "FF": "ff", "DSP": "dsp", "BRAM": "bram18", "CYCLES": "latency_cycles"}


def board(part: str) -> str:
    """Return the nearest of rule4ml's boards."""
    name = part.lower()
    if "u250" in name or "vu13p" in name:
        return "alveo-u250"
    if name.startswith(("xczu", "zcu")):
        return "zcu102"
    return "pynq-z2" if name.startswith(("xc7", "pynq", "zynq")) else "alveo-u200"


def keras_model(design: dict[str, Any]) -> Any:
    """Return the design as a Keras model; its weights don't matter to rule4ml."""
    import keras

    layers: list[Any] = [keras.Input((design["inputs"],))]
    for kind, *sizes in design["layers"]:
        if kind == "dense":
            layers.append(keras.layers.Dense(sizes[0]))
        elif kind == "batchnormalization":
            layers.append(keras.layers.BatchNormalization())
        elif kind != "linear":
            layers.append(keras.layers.Activation(kind))
    return keras.Sequential(layers)


def main(source: str, target: str) -> None:
    """Predict every design, and say how long one takes."""
    import torch  # noqa: F401  (before TensorFlow: the other order ends the process in LLVM)
    from rule4ml.models.wrappers import MultiModelWrapper

    estimator = MultiModelWrapper()
    estimator.load_default_models()
    answers: dict[str, dict[str, float]] = {}
    designs = json.loads(Path(source).read_text())
    began = time.perf_counter()
    for design in designs:
        config = {
            "board": board(design["part"]),
            "model": {
                "strategy": design["strategy"],
                "precision": f"ap_fixed<{design['bits']}, {min(design['integer'], design['bits'])}>",
                "reuse_factor": design["reuse_factor"],
            },
        }
        year = float(design["tool_version"])
        known = [
            2019.1,
            2019.2,
            2020.1,
            2020.2,
            2021.1,
            2021.2,
            2022.1,
            2022.2,
            2023.1,
            2023.2,
            2024.1,
            2024.2,
        ]
        vivado = str(min(known, key=lambda one: abs(one - year)))
        try:
            rows = estimator.predict(
                keras_model(design),
                hls_configs=config,
                hls4ml_versions="1.1.0" if year >= 2024 else "0.8.1",
                vivado_versions=vivado,
            )
            row = rows.iloc[0]
        except Exception as error:  # rule4ml raises whatever it meets
            print(f"{design['id']}: {type(error).__name__} {error}", file=sys.stderr)
            continue
        answers[design["id"]] = {ours: float(row[theirs]) for theirs, ours in KEYS.items() if theirs in row}
    seconds = (time.perf_counter() - began) / max(1, len(designs))
    print(f"{len(answers)} of {len(designs)} designs, {1000 * seconds:.0f} ms each")
    Path(target).write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
