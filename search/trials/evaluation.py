"""What became of one candidate: the record that every trial leaves in the study folder.

A finished trial owns the folder `STUDY_DIR/trials/00012/`; its `evaluation.json` is the only thing that the
front, the report and the tracker read, so that they work on a copied study too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from bitfront.spaces import UserError

from .files import trial_folder, write_atomic
from .stored import DamagedFile, read_json

Status = Literal["complete", "infeasible", "failed"]
Kind = Literal["search", "uniform"]
Method = Literal["ptq", "qat"]
Fidelity = Literal["ptq", "inherited", "short", "full"]

FILE = "evaluation.json"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One candidate with its score, its cost and why it did or didn't count.

    Raises:
        UserError: when the number is negative, status, kind or method is unknown, a figure isn't finite, a
            complete evaluation has no `score`, or one that isn't complete has no reason.
    """

    number: int
    """Trial number in the study, from 0; also the name of its folder."""
    digest: str
    """Digest of the candidate that was tried (`Candidate.digest`)."""
    method: Method
    """How the weights were found: `ptq` rounds the float weights, `qat` trains them at the precision."""
    status: Status
    """`complete`; `infeasible`: a constraint on resources was broken, so it was never scored; `failed`."""
    fidelity: Fidelity = "ptq"
    """How far its weights were followed: `ptq` rounded only, `inherited` another candidate's trained weights
    rounded, `short` the first epochs of a training that wasn't worth its rest, `full` a whole training."""
    start: str = "float"
    """What its training began with: `float` weights, those of `trial 12`, of the `gradient` path, or of the
    training of all `uniform` widths."""
    epochs: float = 0.0
    """Epochs of training spent on its weights, those of what it began with included; 0 where they are the
    float model's.
    """
    kind: Kind = "search"
    """`search`, or `uniform` for the baselines that give every tensor the same width."""
    params: Mapping[str, int | str] = field(default_factory=dict)
    """What Optuna chose, by dimension name."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Validation metric: `ptq` before any training (of QAT candidates too), `qat` after it, `score`
    counts.
    """
    ties: Mapping[str, float] = field(default_factory=dict)
    """Of the outputs that gave the score: `share` of the validation samples whose class isn't decided, and
    what the score is for each way in which they may fall (see `metrics.Outcome`). Empty where it was not
    recorded.
    """
    recall: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Of the same outputs, by name: the share of each class's validation samples that count as right, None
    without any.
    """
    resources: Mapping[str, float] = field(default_factory=dict)
    """What it costs, by the keys of `quantities.QUANTITIES`: lut, ff, dsp, bram18, latency_ns, ..."""
    ptq_resources: Mapping[str, float] = field(default_factory=dict)
    """Of a trained candidate, what it costs without training: `metrics["ptq"]` is the score of that design,
    not of the one that `resources` are of. Empty where it was not trained, and in older files."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """80 % interval (low, high) of a resource, in its unit."""
    upper: Mapping[str, float] = field(default_factory=dict)
    """What limited resources don't exceed with the confidence of their limits, which is checked; empty in
    studies without one.
    """
    source: str = "estimate"
    """Where the resources come from: `estimate` until a tool has synthesised the candidate."""
    layers: tuple[Mapping[str, Any], ...] = ()
    """One row a node in network order: node, op, types, lut, ff, dsp, bram18, latency_cycles, ..."""
    precision: Mapping[str, str] = field(default_factory=dict)
    """Type of each tensor in network order: `{"lstm/weight": "fixed<8,3,RND_CONV,SAT>"}`."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """Violation by constraint name: 0 or less where it is met (see `objectives.Constraint`)."""
    history: tuple[Mapping[str, float], ...] = ()
    """QAT, one row an epoch: loss and the validation metric; a loss may be NaN where training diverged."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall seconds spent on `ptq`, `qat` and `estimate`."""
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What synthesis measured, by stage (csynth, vsynth, cosim) and key of `resources`; never in the file."""
    calibrated_on: int = 0
    """Finished C-syntheses of the study that corrected `resources` (see `synthesis.corrected`); 0 in the
    file.
    """
    kept: str = ""
    """Digest of the candidate that was kept in its place: the rounded one, where training made it worse or
    wasn't worth it.
    """
    raw: Evaluation | None = field(default=None, repr=False, compare=False)
    """The evaluation as its file has it, where this one is corrected; in no file."""
    weights_sha256: str | None = None
    """SHA-256 of the `weights.npz` that it was scored with; "" where it has none and the float model's
    weights were rounded. None before it is written, and in files of versions that didn't say (see
    `has_weights`).
    """
    reason: str | None = None
    """Why it isn't complete: a class and a colon first, `nan_loss: epoch 2` or `constraint lut: 51234 >
    20000`.
    """

    def __post_init__(self) -> None:
        where = f"Evaluation {self.number!r}"
        if isinstance(self.number, bool) or not isinstance(self.number, int) or self.number < 0:
            raise UserError(f"{where}: the trial number must be a whole number from 0.")
        for name, allowed in (("status", Status), ("kind", Kind), ("method", Method), ("fidelity", Fidelity)):
            if getattr(self, name) not in get_args(allowed):
                raise UserError(
                    f"{where}: {name} {getattr(self, name)!r} is unknown, use "
                    f"{' or '.join(get_args(allowed))}."
                )
        for name in ("metrics", "ties", "resources", "ptq_resources", "constraints", "seconds"):
            for key, value in getattr(self, name).items():
                if not math.isfinite(value):
                    raise UserError(
                        f"{where}: {name}[{key!r}] is {value}, only finite numbers can be ranked."
                    )
        for name, row in self.recall.items():
            if not all(share is None or 0.0 <= share <= 1.0 for share in row):
                raise UserError(f"{where}: recall[{name!r}] is {row}, a recall lies within 0..1.")
        for key, (low, high) in self.intervals.items():
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise UserError(
                    f"{where}: the interval of {key!r} is ({low}, {high}), low must not exceed high."
                )
        if self.weights_sha256 and re.fullmatch(r"[0-9a-f]{64}", self.weights_sha256) is None:
            raise UserError(f"{where}: weights_sha256 {self.weights_sha256[:80]!r} is no SHA-256.")
        if self.status == "complete" and "score" not in self.metrics:
            raise UserError(f"{where}: it is complete but metrics has no 'score'.")
        if self.status != "complete" and not self.reason:
            raise UserError(f"{where}: it is {self.status} but gives no reason.")

    @property
    def score(self) -> float:
        """The validation metric that counts.

        Raises:
            UserError: when the candidate was never scored.
        """
        if "score" not in self.metrics:
            raise UserError(f"Trial {self.number} was never scored: {self.reason}.")
        return self.metrics["score"]

    @property
    def has_weights(self) -> bool:
        """Whether weights of its own gave its score, so that it means nothing without them."""
        if self.weights_sha256 is None:
            return self.status == "complete" and self.method == "qat"
        return bool(self.weights_sha256)

    @property
    def violation(self) -> float:
        """Sum of the broken constraints' violations; 0 when all are met."""
        return float(sum(max(0.0, value) for value in self.constraints.values()))

    @property
    def feasible(self) -> bool:
        """Whether it is complete and meets every constraint."""
        return self.status == "complete" and all(value <= 0 for value in self.constraints.values())

    @property
    def origin(self) -> str:
        """Where the resources come from, as people read it: `estimate, calibrated on 3 designs`."""
        return (
            f"{self.source}, calibrated on {self.calibrated_on} designs"
            if self.calibrated_on
            else self.source
        )

    @property
    def uncorrected(self) -> Evaluation:
        """The evaluation with its estimate as it was made: what Optuna was told, on the scale of a study's
        box.
        """
        return self.raw or self

    @property
    def design(self) -> str:
        """Digest of the candidate that its firmware computes; equal ones mean equal firmware."""
        return self.kept or self.digest

    @property
    def undone(self) -> bool:
        """Whether training made it worse, so that its rounded weights were kept."""
        return self.method == "ptq" and "qat" in self.metrics

    @property
    def redesigned(self) -> bool:
        """Whether its training made another design than rounding: with weights that are zero, or of fewer
        bits than their type.
        """
        inherited = self.start == "gradient" or self.start.startswith("trial ")
        return bool(self.params.get("sparsity", 0)) or (inherited and "sparsity" in self.params)

    @property
    def gain(self) -> float | None:
        """Metric after QAT minus metric of the same design without training.

        None where not both exist, and where training changed the design: a score before it belongs to other
        costs.
        """
        if "qat" not in self.metrics or "ptq" not in self.metrics or self.redesigned:
            return None
        return self.metrics["qat"] - self.metrics["ptq"]

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values that `json` writes without NaN."""
        data: dict[str, Any] = {"schema": SCHEMA}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "raw" and (value or item.name not in {"measured", "calibrated_on", "upper"}):
                data[item.name] = dict(value) if isinstance(value, Mapping) else value
        data["layers"] = [dict(row) for row in self.layers]
        data["recall"] = {name: list(row) for name, row in self.recall.items()}
        data["intervals"] = {key: [low, high] for key, (low, high) in self.intervals.items()}
        data["history"] = [
            {key: value if math.isfinite(value) else None for key, value in row.items()}
            for row in self.history
        ]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evaluation:
        """Read what `to_json` wrote.

        Raises:
            UserError: when a key is missing, unknown or of the wrong kind.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"An evaluation is a JSON object, not {type(data).__name__}.")
        where = f"Evaluation {data.get('number', '?')!r}"
        if data.get("schema") != SCHEMA:
            raise UserError(
                f"{where} has schema {data.get('schema')!r}, this bitfront reads {SCHEMA}: "
                "open it with the version that wrote it."
            )
        known = {item.name for item in fields(cls)} - {"raw"}
        missing = {"number", "digest", "method", "status"} - set(data)
        extra = set(data) - known - {"schema"}
        if missing or extra:
            problem = (
                f"lacks {', '.join(sorted(missing))}"
                if missing
                else f"has unknown {', '.join(sorted(extra))}"
            )
            raise UserError(f"{where} {problem}: the file was not written by this version of bitfront.")
        try:
            return cls(
                number=data["number"],
                digest=str(data["digest"]),
                method=data["method"],
                status=data["status"],
                kind=data.get("kind", "search"),
                fidelity=data.get("fidelity", "full" if "qat" in data.get("metrics", {}) else "ptq"),
                start=str(data.get("start", "float")),
                epochs=float(data.get("epochs", 0.0)),
                params={str(k): _param(v) for k, v in data.get("params", {}).items()},
                metrics=_floats(data.get("metrics", {})),
                ties=_floats(data.get("ties", {})),
                recall={
                    str(k): tuple(None if v is None else float(v) for v in row)
                    for k, row in data.get("recall", {}).items()
                },
                resources=_floats(data.get("resources", {})),
                ptq_resources=_floats(data.get("ptq_resources", {})),
                intervals={str(k): (float(v[0]), float(v[1])) for k, v in data.get("intervals", {}).items()},
                upper=_floats(data.get("upper", {})),
                source=str(data.get("source", "estimate")),
                layers=tuple(dict(row) for row in data.get("layers", ())),
                precision={str(k): str(v) for k, v in data.get("precision", {}).items()},
                constraints=_floats(data.get("constraints", {})),
                history=tuple(
                    {str(k): math.nan if v is None else float(v) for k, v in row.items()}
                    for row in data.get("history", ())
                ),
                seconds=_floats(data.get("seconds", {})),
                measured={str(k): _floats(v) for k, v in data.get("measured", {}).items()},
                calibrated_on=int(data.get("calibrated_on", 0)),
                weights_sha256=_text(data.get("weights_sha256")),
                kept=str(data.get("kept", "")),
                reason=data.get("reason"),
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{where} can't be read, a value has the wrong kind ({error}).") from error

    def write(self, study_dir: Path) -> Path:
        """Write `trials/<number>/evaluation.json` whole or not at all and return its path."""
        assert not self.calibrated_on, "the file keeps the estimate as it was made"
        path = trial_folder(study_dir, self.number) / FILE
        write_atomic(path, json.dumps(self.to_json(), indent=1, allow_nan=False, default=_plain) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> Evaluation:
        """Read one `evaluation.json`.

        Raises:
            UserError: when the file is missing, isn't JSON or isn't an evaluation.
        """
        way_out = "restore it or delete the trial's folder"
        try:
            data = read_json(path, way_out)
        except FileNotFoundError as error:
            raise DamagedFile(path, error.strerror, way_out) from error
        try:
            return cls.from_json(data)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error


def total_seconds(evaluations: Iterable[Evaluation]) -> float:
    """Wall seconds that the evaluations took together."""
    return float(sum(sum(evaluation.seconds.values()) for evaluation in evaluations))


def _floats(values: Mapping[str, Any]) -> dict[str, float]:
    if any(isinstance(value, bool | str) for value in values.values()):
        raise TypeError(f"expected numbers, got {dict(values)!r}")
    return {str(key): float(value) for key, value in values.items()}


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"expected a text, got {value!r}")
    return value


def _param(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"expected a whole number or a text, got {value!r}")
    return value


def _plain(value: Any) -> Any:
    """Turn NumPy scalars and sequences, which a layer's row may hold, into what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")
