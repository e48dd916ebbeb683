"""What tests of bundles share: a bundle of each family, a change that checksums don't notice, the verifiers'
answers.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import zoo

from bitfront.hls import BitTrue, Types, hls_config, resolve, to_keras, to_qkeras
from bitfront.search import verify_bundle
from bitfront.search.bundle import BundleSource
from bitfront.spaces import BitfrontError, Graph, lower

CHECKSUMS = "checksums.sha256"


def sign(bundle: Path) -> None:
    """Write the checksum list anew, as whoever changed a file on purpose would."""
    names = sorted(p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file())
    lines = [
        f"{hashlib.sha256((bundle / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name != CHECKSUMS
    ]
    (bundle / CHECKSUMS).write_text("".join(lines))


def said_by_bitfront(bundle: Path) -> tuple[int, str]:
    """Return the exit code of `bitfront verify`, and its sentence."""
    try:
        found = verify_bundle(bundle)
    except BitfrontError as error:
        return error.exit_code, str(error)
    return (0 if found.ok else 1), str(found)


def said_by_script(bundle: Path, **environment: str) -> tuple[int, str]:
    """Return the exit code of the bundle's own verify.py, and its sentence."""
    done = subprocess.run(
        [sys.executable, str(bundle / "verify.py")],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, **environment},
        timeout=600,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    return done.returncode, said.strip()


def both_say(bundle: Path, code: int, what: str) -> None:
    """Require both verifiers to end with `code` and one sentence that holds `what`."""
    for found, said in (said_by_bitfront(bundle), said_by_script(bundle)):
        assert (found, said.count("\n")) == (code, 0), said
        assert what in said, said


def family(
    group: str,
    *,
    seed: int = 5,
    low: int = 2,
    high: int = 8,
    io_type: str = "io_parallel",
    strategy: str = "Latency",
    only: tuple[str, ...] = (),
    narrow: bool = False,
) -> BundleSource:
    """Return a candidate of one of the zoo's groups: random weights and widths from `low` to `high` bits.

    With `narrow`, accumulators of dense, convolution and recurrent layers have 12 bits.
    """
    model, x = zoo.zoo(group, 1, seed=seed, only=only), zoo.data(group, 200)
    graph = lower(model, head="keep")
    places = (
        frozenset(n.name for n in graph if n.traits.family in {"linear", "recurrent"})
        if narrow
        else frozenset()
    )
    bit_true = BitTrue(graph, narrow_accumulators=places)
    widths = zoo.random_widths(graph, seed, low, high) | {f"{name}/accum": 12 for name in places}
    types = resolve(graph, widths, bit_true.calibrate([x[:100]], rule="mse"))
    bit_true.assign(types)
    return of_candidate(graph, bit_true, types, [x], io_type=io_type, strategy=strategy)


def of_candidate(
    graph: Graph, bit_true: BitTrue, types: Types, inputs: list[Any], *, io_type: str, strategy: str
) -> BundleSource:
    """Return a bundle's source for a candidate that its bit-true model holds."""
    plain = to_keras(graph, bit_true.weights(), types)
    return BundleSource(
        name="family",
        quantized_model=to_qkeras(
            graph, bit_true.weights(), types, narrow_accumulators=bit_true.narrow_accumulators
        ),
        model=plain,
        float_model=plain,
        precision=types,
        hls_config=hls_config(graph, types, plain, zoo.hardware(graph, strategy)),
        part=zoo.PART,
        clock_ns=5,
        golden_inputs=inputs,
        golden_outputs=bit_true.predict(inputs),
        evaluation={},
        io_type=io_type,
    )


FRESH = """
import sys
import bitfront.hls.keras_layers
import keras, numpy as np
from pathlib import Path

for bundle in map(Path, sys.argv[1:]):
    model = keras.models.load_model(bundle / "model_qkeras.keras")
    x, y = ([np.load(p) for p in sorted((bundle / "golden").glob(f"{role}*.npy"))] for role in ("inputs", "outputs"))
    found = model.predict(x if len(x) > 1 else x[0], verbose=0)
    found = found if isinstance(found, list) else [found]
    print(len(y), sum(np.array_equal(a, b) for a, b in zip(found, y, strict=True)))
"""


def exact_in_a_fresh_process(*bundles: Path) -> list[tuple[int, int]]:
    """Load each bundle's Keras model as its README says; return its outputs, and how many of them are the
    golden ones.
    """
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *map(str, bundles)],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [(int(a), int(b)) for a, b in (line.split() for line in done.stdout.splitlines())]
