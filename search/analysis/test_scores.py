"""How sure the test scores of a front are: the bootstrap draws the test samples anew, the same ones for all
members.

The validation split ranked thousands of candidates, so the best of it are partly the luckiest. The test split
ranked none; its scores, with their intervals, show what is left. Since every member is scored on the same
draws, differences between members are known better than the scores themselves.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, UserError

from ..problem.beside import Beside
from ..trials.evaluation import Evaluation
from ..trials.files import write_atomic
from ..trials.objectives import SIGNS
from ..trials.stored import DamagedFile, read_json

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator
    from ..storage.study_folder import StudyFolder

FILE = "test_scores.json"
_WAY_OUT = "delete it, and run the study again to have it made anew"
CONFIDENCE = 0.95
"""Share of the bootstrap's draws that an interval holds."""
RESAMPLES = 500
"""Draws; the ends of a 95 % interval are then known to about a tenth of its length (Efron and Tibshirani,
1993).
"""

Bounds = tuple[float, float] | None
"""Low and high; None where the metric can't be computed on every draw."""
Outputs = Sequence[NDArray[Any]]
Metric = Callable[[Outputs, Outputs, Beside], float]


@dataclass(frozen=True)
class Rescored:
    """A model on the test split, with percentile bootstrap intervals."""

    trial: int | None
    """Its trial, None for the float model."""
    score: float
    interval: Bounds
    to_float: Bounds
    """Of the score minus the float model's, on the same draws."""
    to_best: Bounds
    """Of the score minus that of the member that is best on validation data, on the same draws."""


@dataclass(frozen=True)
class TestScores:
    """The float model, the front, the uniform baselines and what these are compared with on the test
    split.
    """

    __test__ = False  # not a test class, whatever pytest makes of the name

    samples: int
    confidence: float
    resamples: int
    rows: tuple[Rescored, ...]
    """The float model first."""

    def of(self, trial: int | None) -> Rescored | None:
        """Return a trial's row (the float model's for None), or None where it was not scored."""
        return next((row for row in self.rows if row.trial == trial), None)


def resampled(
    metric: Metric,
    y: Outputs,
    models: Sequence[Outputs],
    *,
    beside: Beside | None = None,
    best: int = 0,
    seed: int = 0,
) -> list[tuple[float, Bounds, Bounds, Bounds]]:
    """Return score, interval, interval of the difference to `models[0]` and to `models[best]`, for each
    model.

    Args:
        metric: takes the labels and the outputs of a model, one array per output, samples first, and what
            stands beside them.
        y: the labels.
        models: each model's outputs for the same samples.
        beside: inputs and other arrays of these samples, for a metric that sees them.
        best: which model the last difference is to.
        seed: of the draws.
    """
    from scipy.stats import bootstrap

    count = len(y[0])
    beside = beside or Beside()

    def scores(drawn: NDArray[np.integer], axis: int = -1) -> NDArray[np.float64]:
        rows = drawn.reshape(-1, count)
        table = np.array([[_score(metric, y, one, beside, row) for row in rows] for one in models])
        every = np.concatenate([table, table - table[0], table - table[best]])
        return every.reshape(-1, *drawn.shape[:-1])

    everyone = np.arange(count)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of draws that a metric refused: they are found below
        found = bootstrap(
            (everyone,),
            scores,
            vectorized=True,
            axis=-1,
            n_resamples=RESAMPLES,
            batch=50,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    ends = [_bounds(low, high) for low, high in zip(found.low, found.high, strict=True)]
    n = len(models)
    known = [_score(metric, y, one, beside, everyone) for one in models]
    return list(zip(known, ends[:n], ends[n : 2 * n], ends[2 * n :], strict=True))


def _score(metric: Metric, y: Outputs, outputs: Outputs, beside: Beside, rows: NDArray[np.integer]) -> float:
    try:
        return metric([part[rows] for part in y], [part[rows] for part in outputs], beside.rows(rows))
    except UserError:  # a user's metric that refuses a draw, of one class alone say
        return math.nan


def _bounds(low: float, high: float) -> Bounds:
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None


def score_on_test(
    evaluator: Evaluator, study_folder: StudyFolder, front: Sequence[Evaluation], others: Sequence[Evaluation]
) -> dict[int, Evaluation]:
    """Score a front on the test split, and others that it is compared with; return these evaluations.

    The scores stand in their files, their intervals in the study's folder; each is computed once.
    """
    members = {e.number for e in front}
    scored = {e.number: study_folder.score_on_test(evaluator, e) for e in (*front, *others)}
    rest = [scored[e.number] for e in others if e.number not in members]
    rescore(evaluator, study_folder, [scored[e.number] for e in front], rest)
    return scored


def rescore(
    evaluator: Evaluator,
    study_folder: StudyFolder,
    front: Sequence[Evaluation],
    others: Sequence[Evaluation] = (),
) -> TestScores:
    """Score the float model, a front and others on the test split with intervals; kept in the study's folder,
    computed once.
    """
    sign = SIGNS[evaluator.scores.ranking.direction]
    best = max(range(len(front)), key=lambda i: sign * front[i].score)
    known, chosen = read_test_scores(study_folder.folder), (*front, *others)
    if known and [row.trial for row in known.rows] == [None, *(e.number for e in chosen)]:
        return known
    models: list[Outputs] = [evaluator.scores.float_outputs("test")]
    for evaluation in chosen:
        types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
        models.append(evaluator.scores.outputs(types, study_folder.weights(evaluation), "test"))
    data = evaluator.problem.data
    y = data.y_test
    rows = resampled(
        evaluator.scores.ranking,
        y,
        models,
        beside=data.beside("test"),
        best=best + 1,
        seed=evaluator.problem.config.seed,
    )
    trials = [None, *(e.number for e in chosen)]
    found = TestScores(
        len(y[0]),
        CONFIDENCE,
        RESAMPLES,
        tuple(Rescored(trial, *row) for trial, row in zip(trials, rows, strict=True)),
    )
    write_atomic(study_folder.folder / FILE, json.dumps(asdict(found), indent=1, allow_nan=False) + "\n")
    return found


def read_test_scores(study_dir: Path) -> TestScores | None:
    """Return what `rescore` left in a study's folder, None where it didn't.

    Raises:
        UserError: when the file is damaged.
    """
    path = Path(study_dir) / FILE
    try:
        data = read_json(path, _WAY_OUT)
        ends = ("interval", "to_float", "to_best")
        rows = [
            Rescored(row["trial"], float(row["score"]), *(_pair(row[key]) for key in ends))
            for row in data["rows"]
        ]
        return TestScores(
            int(data["samples"]), float(data["confidence"]), int(data["resamples"]), tuple(rows)
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedFile(path, repr(error), _WAY_OUT) from error


def _pair(value: Any) -> Bounds:
    return None if value is None else (float(value[0]), float(value[1]))
