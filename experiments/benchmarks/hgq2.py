"""HGQ2 on the transformer study's data, in HGQ2's own environment: bit widths assigned to its variables.

python -m bitfront.experiments.benchmarks.hgq2 write jets.npz                    # in bitfront's environment
PYTHON_OF_HGQ2 experiments/benchmarks/hgq2.py measure jets.npz --repeats 5      # needs hgq2, not bitfront

The model has the study's shape; HGQ2 has no layer normalization, so that a batch normalization, which is
cheaper, stands for it. A candidate is a new width for every quantizer, drawn from 2 to 8 bits; calibration
and lossless accumulators, which bitfront's candidate includes, are not needed for the timing and left out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import numpy as np

WIDTHS = (2, 8)


def write(path: str) -> None:
    """Write the data of the transformer study on jets."""
    from ..gallery import data_of

    np.savez(path, **data_of("top_tagging_transformer"))


def build(steps: int, features: int) -> Any:
    """Return the block as HGQ2's layers."""
    import keras
    from hgq.layers import (
        QAdd,
        QBatchNormalization,
        QDense,
        QEinsumDense,
        QGlobalAveragePooling1D,
        QMultiHeadAttention,
    )

    inputs = keras.Input((steps, features))
    embedding = QEinsumDense("abc,cd->abd", (steps, 8), bias_axes="bd")(inputs)
    x = QAdd()([embedding, QMultiHeadAttention(1, 4)(embedding, embedding)])
    x = QBatchNormalization()(x)
    x = QAdd()([x, QDense(8)(QDense(16, activation="relu")(x))])
    x = QGlobalAveragePooling1D()(QBatchNormalization()(x))
    return keras.Model(inputs, QDense(1, activation="sigmoid")(x))


def width_variables(model: Any) -> list[Any]:
    """Return the variables that hold widths or fraction bits of the model's quantizers."""
    names = {"f", "b"}
    return [w for w in model.weights if w.path.rsplit("/", 1)[-1] in names]


def measure(path: str, repeats: int) -> None:
    """Print how fast candidates are answered."""
    import keras

    with np.load(path) as data:
        x, y, x_val = data["x_train"], data["y_train"], data["x_val"]
    model = build(*x.shape[1:])
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    bits = width_variables(model)
    rng = np.random.default_rng(1)

    def assign() -> None:
        for variable in bits:
            variable.assign(np.full(variable.shape, rng.integers(WIDTHS[0], WIDTHS[1] + 1), np.float32))

    started = time.perf_counter()
    model.predict(x_val, batch_size=2048, verbose=0)
    model.fit(x, y, batch_size=128, epochs=1, verbose=0)
    setup = time.perf_counter() - started
    start = model.get_weights()
    ptq, qat = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        assign()
        model.predict(x_val, batch_size=2048, verbose=0)
        ptq.append(time.perf_counter() - began)
        began = time.perf_counter()
        model.set_weights(start)
        assign()
        model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        qat.append(time.perf_counter() - began)
    print(f"{len(bits)} width variables; {setup:.1f} s to trace prediction and training once")
    for name, values in (("PTQ", ptq), ("QAT, 1 epoch", qat)):
        print(f"{name}: {statistics.median(values):.3f} s a candidate ({min(values):.3f}-{max(values):.3f})")


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="HGQ2's speed on the transformer study's data.")
    parser.add_argument("action", choices=("write", "measure"))
    parser.add_argument("path", help="file of the data, .npz")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.action == "write":
        write(options.path)
    else:
        measure(options.path, max(1, options.repeats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
