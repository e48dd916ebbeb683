"""How long the float model takes on this machine's CPU, and GPU where there is one: `latency.json` of a
study.

The latency of one inference is what a trigger or a control loop waits for, so batch 1 is measured as such:
one sample in, its result back in host memory, one call after the other. What TensorFlow can do best without
another runtime is measured, its graph and the graph compiled by XLA; a runtime made for low latency may be
faster. Batches of 1,024 say what the same machine does where latency doesn't matter.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..trials.files import write_atomic
from ..trials.stored import DamagedFile, read_json

FILE = "latency.json"
CALLS = 400
"""Calls that are timed, at most."""
SECONDS = 0.6
"""Wall time that one row of the table may take, after its compilation."""
WARM_UP = 20
BATCHES = (1, 1024)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of one call of the float model, in µs."""

    device: str
    """`CPU` or `GPU`."""
    hardware: str
    """Its model, and how many cores."""
    runtime: str
    """`TensorFlow 2.21.0, graph`, or `..., XLA`."""
    batch: int
    """Samples a call."""
    calls: int
    median_us: float
    low_us: float
    """10th percentile."""
    high_us: float
    """90th percentile."""

    @property
    def per_sample_us(self) -> float:
        """Median time divided by the batch."""
        return self.median_us / self.batch


def record_latency(
    study_dir: Path, model: Any, samples: Sequence[Any], *, again: bool = True
) -> tuple[Timing, ...]:
    """Measure the float model on every device here and write `latency.json` into the study folder.

    Args:
        study_dir: the study folder.
        model: the Keras model.
        samples: real inputs, one array per input, batch first.
        again: whether to measure anew where the study has been measured before.
    """
    if not again and (known := read_latency(study_dir)):
        return known
    timings = measure(model, samples)
    write_atomic(Path(study_dir) / FILE, json.dumps([asdict(t) for t in timings], indent=1) + "\n")
    return tuple(timings)


def read_latency(study_dir: Path) -> tuple[Timing, ...]:
    """Return what `record_latency` wrote, nothing where it never ran.

    Raises:
        UserError: when the file is damaged.
    """
    path = Path(study_dir) / FILE
    try:
        return tuple(Timing(**row) for row in read_json(path, "delete it"))
    except FileNotFoundError:
        return ()
    except TypeError as error:
        raise DamagedFile(path, error, "delete it") from error


def measure(model: Any, samples: Sequence[Any]) -> list[Timing]:
    """Time the model on the CPU and on the first GPU, as a graph and through XLA, in every batch of
    `BATCHES`.
    """
    import tensorflow as tf

    devices = [("CPU", "/CPU:0")] + ([("GPU", "/GPU:0")] if tf.config.list_physical_devices("GPU") else [])
    found = []
    for device, place in devices:
        for compiled in (False, True):
            runtime = f"TensorFlow {tf.__version__}, {'XLA' if compiled else 'graph'}"
            for batch in BATCHES:
                with tf.device(place):
                    times = _times(tf, model, samples, batch, compiled=compiled)
                if times is None:  # XLA has no kernel for some operations
                    continue
                low, median, high = np.percentile(times, (10, 50, 90)) * 1e6
                found.append(
                    Timing(
                        device=device,
                        hardware=_hardware(tf, device),
                        runtime=runtime,
                        batch=batch,
                        calls=len(times),
                        median_us=float(median),
                        low_us=float(low),
                        high_us=float(high),
                    )
                )
    return found


def _times(tf: Any, model: Any, samples: Sequence[Any], batch: int, *, compiled: bool) -> list[float] | None:
    """Return the seconds of each call, the input copied from and the result to host memory within it."""
    call = tf.function(
        lambda *x: model(x[0] if len(x) == 1 else list(x), training=False), jit_compile=compiled
    )
    feeds = _feeds(samples, batch)
    try:
        for i in range(WARM_UP):
            _host(tf, call(*map(tf.constant, feeds[i % len(feeds)])))
    except (tf.errors.OpError, ValueError):
        return None
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < CALLS and (time.perf_counter() < end or len(times) < 5):
        feed = feeds[len(times) % len(feeds)]
        start = time.perf_counter()
        _host(tf, call(*map(tf.constant, feed)))
        times.append(time.perf_counter() - start)
    return times


def _host(tf: Any, outputs: Any) -> None:
    for output in tf.nest.flatten(outputs):
        output.numpy()


def _feeds(samples: Sequence[Any], batch: int) -> list[list[Any]]:
    """Return single samples one after the other, or one batch, repeated to its size where there are too
    few.
    """
    arrays = [np.asarray(x, np.float32) for x in samples]
    count = len(arrays[0])
    if batch == 1:
        return [[x[i : i + 1] for x in arrays] for i in range(min(count, 64))]
    rows = np.arange(batch) % count
    return [[x[rows] for x in arrays]]


def _hardware(tf: Any, device: str) -> str:
    if device == "GPU":
        details: Mapping[str, Any] = tf.config.experimental.get_device_details(
            tf.config.list_physical_devices("GPU")[0]
        )
        return str(details.get("device_name", "GPU"))
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or a processor that doesn't tell: the architecture has to do
    return f"{name}, {os.cpu_count()} cores"
