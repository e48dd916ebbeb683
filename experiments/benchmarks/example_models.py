"""How many models of a folder load, are accepted, and compute the same: the example models of hls4ml, say.

python -m bitfront.experiments.benchmarks.example_models example-models/keras --json found.json

Of each file that a model comes in (SavedModel folders too) it says whether it loads (where it isn't Keras 3's
own, its framework computes the same random inputs, if it is there), whether every layer is accepted, and
whether the graph that would be searched gives the model's outputs layer by layer, on normal and stressed
inputs. A `.json` without an `.h5` of its name beside it takes one whose name begins with its own, its weights
in that file. Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitfront.hls import check_model
from bitfront.search.model_files import format_of, own_weights
from bitfront.search.problem import load_model
from bitfront.spaces import UserError, lower

from ..command import returns_exit_code


@dataclass(frozen=True)
class Verdict:
    """What became of one file.

    Attributes:
        file: its name.
        loads, accepted, same: how far it came.
        reason: the sentence that stopped it, empty where nothing did.
    """

    file: str
    loads: bool = False
    accepted: bool = False
    same: bool = False
    reason: str = ""


def verdicts(folder: Path) -> Iterator[Verdict]:
    """Yield the verdict on each model file of a folder, in the order of their names."""
    for path in sorted(folder.iterdir()):
        known = format_of(path)
        if known is None or (path.suffix in {".h5", ".hdf5"} and not _whole(path)):
            continue
        yield verdict(path)


def verdict(path: Path) -> Verdict:
    """Return how far one model file comes."""
    found: dict[str, Any] = {"file": path.name}
    try:
        model = load_model(path.name, path.parent, weights=_weights(path))
        found["loads"] = True
        lower(model)
        found["accepted"] = True
        check_model(model)
        found["same"] = True
    except UserError as error:
        found["reason"] = str(error)
    return Verdict(**found)


def _whole(path: Path) -> bool:
    """Whether an HDF5 file says which model it is of, and no `.json` beside it does."""
    import h5py

    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            return False
    return not any(path.name.startswith(other.stem) for other in path.parent.glob("*.json"))


def _weights(path: Path) -> str | None:
    """Return the file of weights of a `.json`, where it isn't called as it."""
    if path.suffix != ".json" or own_weights(path) is not None:
        return None
    beside = sorted(one.name for one in path.parent.glob(f"{path.stem}_*.h5"))
    return beside[0] if beside else None


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Print a line a file, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--json", type=Path, help="also write the verdicts here")
    given = parser.parse_args(arguments)
    rows = []
    for folder in given.folders:
        for row in verdicts(folder):
            rows.append(row)
            state = "same" if row.same else "accepted" if row.accepted else "loads" if row.loads else "no"
            print(f"{row.file:48s} {state:9s} {row.reason[:160]}".rstrip(), flush=True)
    print(
        f"{len(rows)} models: {sum(row.loads for row in rows)} load, "
        f"{sum(row.accepted for row in rows)} are accepted, {sum(row.same for row in rows)} compute the same"
    )
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
