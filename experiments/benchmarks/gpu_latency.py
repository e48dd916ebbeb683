"""How long the float models of the seeds' Table 1 take on a GPU: batch 1, and per sample in the best batch.

Run as a file, on any machine with a GPU, Keras 3 and JAX; bitfront and TensorFlow needn't be installed there:

    python experiments/benchmarks/gpu_latency.py --out experiments/benchmarks/gpu_latency.json

Batch 1 is one sample from host memory to its result in host memory, one call after the other: what a trigger
waits for. The throughput latency is the time of one call divided by its batch, for the batch that makes it
least. Weights are random, inputs normal random; a float network's time depends on neither. Two runtimes are
timed, since either may be the faster: the Keras model compiled by XLA (JAX), and for recurrent networks
PyTorch's own layers, which call cuDNN.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

NETWORKS = ("quickdraw_lstm", "quickdraw_gru", "gw_transformer")
BATCHES = (1, 16, 256, 1024, 4096, 8192)
CALLS = 1000
SECONDS = 4.0
"""Wall time that one batch size may take after its compilation."""
WARM_UP = 20

Call = Callable[[np.ndarray], np.ndarray]


def main() -> int:
    """Time every network and write a row for each runtime and batch; say so and end with 0 where there is no
    GPU.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, help="JSON file to write; without it the rows are printed alone")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    # run as a file, its folder comes first, whose modules bear names that others import
    sys.path = [
        place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent
    ]
    try:
        import jax
        import keras
    except ImportError as error:
        print(f"skipped: {error.name} is not installed here")
        return 0
    gpus = [device for device in jax.devices() if device.platform == "gpu"]
    if not gpus:
        print("skipped: JAX sees no GPU here")
        return 0
    hardware = gpus[0].device_kind
    rows = []
    for network in NETWORKS:
        model = _model(network)
        shape = tuple(model.inputs[0].shape[1:])
        runtimes: dict[str, Call] = {
            f"Keras {keras.__version__} on JAX {jax.__version__} (XLA)": _on_jax(model)
        }
        runtimes |= dict(_on_torch(model))
        for runtime, call in runtimes.items():
            for batch in BATCHES:
                times = _times(call, shape, batch)
                low, median, high = (float(v) for v in np.percentile(times, (10, 50, 90)) * 1e6)
                row = {
                    "network": network,
                    "hardware": hardware,
                    "runtime": runtime,
                    "batch": batch,
                    "calls": len(times),
                    "median_us": round(median, 3),
                    "low_us": round(low, 3),
                    "high_us": round(high, 3),
                    "per_sample_us": round(median / batch, 4),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def _model(name: str) -> Any:
    """Build a ready study's network from its `model.py`, which needs nothing but Keras."""
    return runpy.run_path(str(Path(__file__).resolve().parents[1] / name / "model.py"))["build"]()


def _on_jax(model: Any) -> Call:
    """Return the model compiled by XLA, from host to host."""
    import jax

    trained = [jax.device_put(v.value) for v in model.trainable_variables]
    fixed = [jax.device_put(v.value) for v in model.non_trainable_variables]
    run = jax.jit(lambda t, n, x: model.stateless_call(t, n, x, training=False)[0])
    return lambda x: np.asarray(run(trained, fixed, x))


def _on_torch(model: Any) -> Iterator[tuple[str, Call]]:
    """Yield a recurrent network of the same sizes made of PyTorch's own layers, where these are installed."""
    recurrent = next((one for one in model.layers if type(one).__name__ in {"LSTM", "GRU"}), None)
    try:
        import torch
    except ImportError:
        return
    if recurrent is None or not torch.cuda.is_available():
        return
    sizes = [recurrent.units, *(one.units for one in model.layers if type(one).__name__ == "Dense")]
    cell = getattr(torch.nn, type(recurrent).__name__)(
        model.inputs[0].shape[-1], sizes[0], batch_first=True
    ).cuda()
    dense = torch.nn.Sequential()
    for here, there in itertools.pairwise(sizes):
        dense.extend([torch.nn.Linear(here, there), torch.nn.ReLU()])
    dense[-1] = torch.nn.Softmax(-1)
    dense = dense.cuda()

    def call(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            outputs, _ = cell(torch.from_numpy(x).cuda())
            return dense(outputs[:, -1]).cpu().numpy()

    yield f"PyTorch {torch.__version__} (cuDNN {torch.backends.cudnn.version()})", call


def _times(call: Call, shape: tuple[int, ...], batch: int) -> list[float]:
    """Return the seconds of each call."""
    rng = np.random.default_rng(0)
    feeds = [rng.normal(size=(batch, *shape)).astype(np.float32) for _ in range(8 if batch > 1 else 64)]
    for i in range(WARM_UP):
        call(feeds[i % len(feeds)])
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < CALLS and (time.perf_counter() < end or len(times) < 10):
        feed = feeds[len(times) % len(feeds)]
        start = time.perf_counter()
        call(feed)
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    sys.exit(main())
