"""Seeds from one training that moves the widths themselves, against a price that grows on its way.

What the path passes (see `GradientPath`) are candidates with weights trained for them; from the best of them ways lead
further down by rounding alone (see `Descent`). Those that dominate most enter the search as ordinary trials.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import UserError

from .descent import Descent
from .evaluation import Evaluation, save_atomic
from .front import Box, dominating, pareto
from .objectives import Objective
from .path import GradientPath, Passed, Scored
from .weight_arrays import as_arrays, from_arrays

if TYPE_CHECKING:
    from .workbench import Workbench

FILE = "gradient.npz"
KEPT = 32
"""Candidates that enter the search, at most."""
WAYS = 8
"""Candidates of the path from which ways lead further down."""
_WAY_LOST = 0.02
"""Share of the lead that such a way may cost: what a short training can regain."""


def gradient_seeds(
    bench: Workbench,
    objectives: Sequence[Objective],
    box: Box,
    study_dir: Path,
    say: Callable[[str], None],
) -> list[Passed]:
    """Return the candidates that a study's path proposes; found once, then read from its folder.

    There are none where the study asks for none, or its space has no `qat`.

    Raises:
        UserError: when the file can't be read.
    """
    config = bench.problem.config
    path = study_dir / FILE
    if not config.gradient or "qat" not in config.space.method:
        return []
    if not path.exists():
        say(f"Gradient: the widths move along a training of {config.gradient} epochs")
        pool = GradientPath(bench, objectives, config.gradient).walked()
        pool += narrower(bench, chosen(pool, objectives, box, WAYS), objectives, config.scout)
        _write(path, chosen(pool, objectives, box))
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} can't be read ({error}): delete it, and it is made again.") from error


def chosen(
    pool: Sequence[Scored], objectives: Sequence[Objective], box: Box, most: int = KEPT
) -> list[Passed]:
    """Return what dominates most of some candidates, those that add most first; of equal ones with other weights, one."""
    by_digest: dict[str, tuple[Evaluation, Passed]] = {}
    for number, (evaluation, one) in enumerate(pool):
        if evaluation.feasible:  # designs with other weights, though their types may be the same
            own = replace(evaluation, number=number, digest=f"{evaluation.digest}-{number}")
            by_digest[own.digest] = own, one
    front = pareto([e for e, _ in by_digest.values()], objectives) if by_digest else []
    found: dict[str, Passed] = {}
    for e in dominating(front, objectives, box, len(front)):
        _, one = by_digest[e.digest]
        found.setdefault(json.dumps(dict(one.params), sort_keys=True), one)
    return list(found.values())[:most]


def narrower(
    bench: Workbench, found: Sequence[Passed], objectives: Sequence[Objective], most: int
) -> list[Scored]:
    """Return candidates on ways down from what a path found, with the same weights; so many are rounded in all."""
    descent = Descent(bench, objectives)
    return [
        (e, Passed(e.params, one.weights))
        for one in found
        for e in descent.from_trained(one.params, one.weights, most // len(found), _WAY_LOST)
    ]


def _write(path: Path, passed: Sequence[Passed]) -> None:
    arrays = {f"{i}/{name}": a for i, one in enumerate(passed) for name, a in as_arrays(one.weights).items()}
    arrays["params"] = np.array(json.dumps([dict(one.params) for one in passed]))
    save_atomic(path, lambda target: np.savez_compressed(target, **arrays))


def _read(path: Path) -> list[Passed]:
    with np.load(path, allow_pickle=False) as arrays:
        params = json.loads(str(arrays["params"]))
        own: list[dict[str, Any]] = [{} for _ in params]
        for key in arrays.files:
            if key != "params":
                number, name = key.split("/", 1)
                own[int(number)][name] = arrays[key]
    return [Passed(p, from_arrays(weights)) for p, weights in zip(params, own, strict=True)]
