"""Whether a case behaved rightly, from how its commands ended and from Keras's own score."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .commands import Outcome, trained

CLOSE = 1e-3
"""Largest difference of two float scores, as a share of the larger (at least of 1): the order of sums in
float32.
"""


@dataclass(frozen=True)
class Verdict:
    """What became of one case."""

    case: str
    ended: str
    """`PASS`, `refused` or `FAIL`."""
    note: str
    """The refusal's sentence, or what is wrong."""
    float_score: float | None
    keras_score: float | None
    seconds: float

    @property
    def right(self) -> bool:
        """Whether it passed, or was refused as a refusal has to be."""
        return self.ended != "FAIL"


def judge(case: str, folder: Path, outcomes: Mapping[str, Outcome]) -> Verdict:
    """Return the verdict on a case whose commands ran in `folder`."""
    seconds = sum(outcome.seconds for outcome in outcomes.values())
    crashed = next((o for o in outcomes.values() if o.crashed), None)
    if crashed is not None:
        return Verdict(
            case, "FAIL", f"{crashed.name} ended with {crashed.code}: {crashed.sentence}", None, None, seconds
        )
    looked, run = [outcomes["doctor"], outcomes["validate"]], outcomes["run"]
    if not run.ok:
        note = run.sentence
        if run.code != 2:
            note = f"run ended with {run.code}: {note}"
        elif trained(folder):
            note = f"refused after training: {note}"
        elif outcomes["validate"].code != 2:
            note = f"validate passes what run refuses: {note}"
        elif not note.endswith("."):
            note = f"the refusal is no sentence: {note}"
        else:
            return Verdict(case, "refused", note, None, None, seconds)
        return Verdict(case, "FAIL", note, None, None, seconds)
    float_score, keras_score = _float_score(folder), _keras_score(folder)
    fault = next((f"{o.name} refuses what run accepts: {o.sentence}" for o in looked if not o.ok), None)
    later = [outcomes[name] for name in ("export", "verify") if name in outcomes]
    fault = fault or next((f"{o.name} ended with {o.code}: {o.sentence}" for o in later if not o.ok), None)
    if fault is None and (float_score is None or keras_score is None):
        fault = "no score to compare"
    if (
        fault is None
        and float_score is not None
        and keras_score is not None
        and not same(float_score, keras_score)
    ):
        fault = "computes another function than Keras"
    note = fault or outcomes["verify"].sentence
    return Verdict(case, "FAIL" if fault else "PASS", note, float_score, keras_score, seconds)


def same(a: float, b: float) -> bool:
    """Return whether two float scores are those of one function."""
    return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE * min(1.0, max(abs(a), abs(b))) + 1e-6)


def _studies(folder: Path) -> list[Path]:
    return sorted(folder.glob("**/reference.json"))


def _float_score(folder: Path) -> float | None:
    """Return the validation score of the float model that the study recorded."""
    found = _studies(folder)
    return float(json.loads(found[0].read_text(encoding="utf-8"))["float"]["val"]) if found else None


def _keras_score(folder: Path) -> float | None:
    """Return what Keras alone scores with the study's float model, in a process without bitfront."""
    found = sorted(folder.glob("**/float.keras"))
    words = [str(folder), *(str(path) for path in found[:1])]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("score.py")), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    return float(json.loads(done.stdout.strip().splitlines()[-1])["val"])
