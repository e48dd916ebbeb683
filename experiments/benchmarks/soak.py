"""Memory of one process over thousands of candidates: `python -m bitfront.experiments.benchmarks.soak
[--trials 2000]`.

Runs a PTQ study in this process and reads its resident memory every hundred trials. Exit code 1 where the
last reading is more than a tenth above the one after the first hundred trials, by which TensorFlow has traced
and compiled all it needs: a search compiles its model with XLA once that pays, after some hundred trials of a
network as small as this one; here it does so at once, since that takes some 70 MiB, once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import psutil
from rich.console import Console

from bitfront.search import load_study, run_study

from .small_study import write_study

EVERY = 100
FLAT = 1.10
"""Most growth that counts as flat."""


def soak(trials: int) -> list[int]:
    """Return the resident bytes after each hundred trials."""
    process, readings, over = psutil.Process(), list[int](), threading.Event()
    with tempfile.TemporaryDirectory(prefix="bitfront-soak-") as place:
        file = write_study(Path(place))
        config = load_study(file, ["space.method=ptq", f"output={place}/studies", "sampler=random"])
        folder = Path(place) / "studies" / "small" / "trials"

        def watch() -> None:
            while not over.wait(0.2):
                if len(list(folder.glob("*/evaluation.json"))) >= EVERY * (len(readings) + 1):
                    readings.append(process.memory_info().rss)
                    print(f"{EVERY * len(readings)} trials: {readings[-1] / 2**20:.0f} MiB", flush=True)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        with patch("bitfront.hls.bit_true.compiled.COMPILE_AFTER", 0.0):
            run_study(config, Path(place), trials=trials, console=Console(quiet=True))
        time.sleep(1)
        over.set()
        watcher.join()
    return readings


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print the readings and return an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000, help="PTQ candidates")
    readings = soak(parser.parse_args(arguments).trials)
    growth = readings[-1] / readings[0]
    print(f"{growth - 1:+.1%} from the first reading to the last")
    return 0 if growth <= FLAT else 1


if __name__ == "__main__":
    sys.exit(main())
