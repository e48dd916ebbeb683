"""Command line: judge random models and say what was found; exit code 1 where something differs."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from bitfront.spaces import BitfrontError, ToolMissing

from ...command import returns_exit_code

GROUP = 10
"""Designs that share a g++ build."""
SHRINKING = 200
"""Smaller models that are tried where one of the float half fails."""
SHRINKING_COMPILED = 25
"""The same of the compiled half, where each takes a g++ build."""


class Different(BitfrontError):
    """Models that are computed otherwise than Keras or the firmware computes them."""

    exit_code: ClassVar[int] = 1


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.judge",
        description="Random Keras models: refused with one sentence, or computed exactly.",
    )
    parser.add_argument("--models", type=int, default=200, help="models of the float half (200)")
    parser.add_argument("--compiled", type=int, default=20, help="designs of the compiled half (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the models (1)")
    parser.add_argument(
        "--first", type=int, default=1, help="number of the first model (1): to see one again"
    )
    parser.add_argument(
        "--seconds", type=float, default=3600, help="most seconds, half of them a half (3600)"
    )
    parser.add_argument(
        "--bundle-every", type=int, default=4, help="write and verify every n-th build as a bundle (4)"
    )
    parser.add_argument("--no-shrink", action="store_true", help="leave failing models as they were drawn")
    parser.add_argument("--out", type=Path, help="folder for judge.json and a model.py of every finding")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import hypothesis  # noqa: F401
    except ModuleNotFoundError:
        raise ToolMissing("hypothesis is not installed: pip install 'bitfront[test]'.") from None
    from . import halves
    from .record import table, write

    began = time.monotonic()
    shrinking = (0, 0) if options.no_shrink else (SHRINKING, SHRINKING_COMPILED)
    with _quiet() as say:
        judged = [
            halves.float_half(
                range(options.first, options.first + options.models),
                options.seed,
                began + options.seconds / (2 if options.compiled else 1),
                shrinking[0],
                say,
            ),
            halves.compiled_half(
                options.compiled,
                options.first,
                options.seed,
                began + options.seconds,
                shrinking[1],
                say,
                group=GROUP,
                bundle_every=options.bundle_every,
            ),
        ]
    seconds = time.monotonic() - began
    print(f"{table(judged)}\n{seconds:.0f} s, seed {options.seed}.")
    if options.out:
        told = {name: value for name, value in vars(options).items() if name != "out"}
        write(options.out, judged, {**told, "took_s": round(seconds, 1)})
    different = sum(len(half.findings) for half in judged)
    if different:
        raise Different(f"{different} models differ: each is printed with the lines that build it.")


@contextlib.contextmanager
def _quiet() -> Iterator[Callable[[str], None]]:
    """Give a function that prints, while what libraries print is dropped."""
    out = sys.stdout

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield say


if __name__ == "__main__":
    sys.exit(main())
