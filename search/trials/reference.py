"""What every candidate of a study is measured against: `reference.json` in the study folder.

With the evaluations it is all that the report, the front and the tracker need, so a copied study stays
complete.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bitfront.spaces import UserError

from .files import write_atomic
from .front import Box
from .objectives import SIGNS, Constraint, Metric, Objective
from .stored import read_json

FILE = "reference.json"
KNEE_DROP = 0.01
"""Share of the float model's lead over outputs that ignore the inputs that the knee may lose, where a study
states no drop.

After MLPerf's target of 99 % of the float model's accuracy (Reddi et al., "MLPerf Inference Benchmark",
2020), but of the lead: half an AUC is worth nothing.
"""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The float model's scores, the objectives, the limits and the device of one study."""

    study: str
    """Name of the study, and of its folder."""
    study_id: str
    """Never changes, whatever the folder is called: keys the study's runs in MLflow."""
    metric: Metric
    float_scores: Mapping[str, float]
    """The float model's metric: `val` (ranks) and, where known, `test` (report only)."""
    objectives: tuple[Objective, ...]
    box: Box
    """Scale of the hypervolume, settled before the first trial."""
    constraints: tuple[Constraint, ...] = ()
    device: Mapping[str, int | str] = field(default_factory=dict)
    """`part`, and the stock of lut, ff, dsp, bram18, uram."""
    clock_ns: float = 5.0
    """Clock period."""
    knee_drop: float | None = None
    """How much worse than the float model the knee may be, in the metric's unit; `KNEE_DROP` of its lead
    where None.
    """
    model: str = ""
    """One line about the model: `LSTM 20, Dense 64, 3,569 parameters`."""
    data: str = ""
    """One line about the data: `8,000 / 2,000 / 2,000 jets`."""
    experiment: str = ""
    """MLflow experiment, the study's name where empty."""
    space_size: int | None = None
    """Number of configurations in the space."""
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Validation samples of each class, by the name of each output that decides a class; empty where it
    wasn't recorded.
    """
    float_recall: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """The float model's recall of each class, like `Evaluation.recall`."""
    moved: tuple[Mapping[str, str | int], ...] = ()
    """What the study asks of the hardware and is built otherwise: node, key of `hls`, asked, built."""
    params: Mapping[str, str | int | float] = field(default_factory=dict)
    """What else MLflow should show on the parent run: sampler, seed, back end, versions."""

    @property
    def float_score(self) -> float:
        """The float model's metric on the validation sample."""
        return self.float_scores["val"]

    @property
    def allowed_drop(self) -> float:
        """How much worse than the float model the knee may be on validation data, in the metric's unit."""
        if self.knee_drop is not None:
            return self.knee_drop
        scales = zip(self.objectives, self.box.ideal, self.box.reference, strict=False)
        lead = next((blind - best for o, best, blind in scales if o.is_metric), abs(self.float_score))
        return KNEE_DROP * lead

    @property
    def knee_floor(self) -> float:
        """The worst validation metric that the knee should have."""
        return self.float_score - SIGNS[self.metric.direction] * self.allowed_drop

    def threshold(self, name: str) -> float | None:
        """Return the bare limit of the constraint `name` (lut, ..., metric, metric_drop), None without
        one.
        """
        for constraint in self.constraints:
            if constraint.name == name:
                return constraint.threshold(self.float_score)
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the reference as plain values."""
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        metric = self.metric
        data["float"] = dict(data.pop("float_scores"))
        data["metric"] = {"name": metric.name, "direction": metric.direction, "perfect": metric.perfect}
        data["metric"] |= {"ties": metric.ties} if metric.ties else {}
        data["objectives"] = [objective.to_json() for objective in self.objectives]
        data["box"] = self.box.to_json()
        data["constraints"] = [constraint.to_json() for constraint in self.constraints]
        return data | {"device": dict(self.device), "params": dict(self.params)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reference:
        """Read what `to_json` wrote.

        Raises:
            UserError: when a key is missing or has the wrong kind.
        """
        try:
            known = {item.name for item in fields(cls)}
            rest = {key: value for key, value in data.items() if key in known}
            scores = {str(key): float(value) for key, value in data["float"].items()}
            if not math.isfinite(scores["val"]):
                raise ValueError("the float model's metric is not finite")
            for name in ("class_counts", "float_recall"):
                rest[name] = {str(key): tuple(row) for key, row in rest.get(name, {}).items()}
            rest |= {
                "float_scores": scores,
                "metric": Metric(**data["metric"]),
                "objectives": tuple(Objective.from_json(row) for row in data["objectives"]),
                "box": Box.from_json(data["box"]),
                "constraints": tuple(Constraint.from_json(row) for row in data.get("constraints", ())),
                "moved": tuple(dict(row) for row in data.get("moved", ())),
            }
            return cls(**rest)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{FILE} was not written by this version of bitfront ({error!r}).") from error

    def write(self, study_dir: Path) -> Path:
        """Write `reference.json` whole or not at all and return its path."""
        path = Path(study_dir) / FILE
        write_atomic(path, json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")
        return path

    @classmethod
    def read(cls, study_dir: Path) -> Reference:
        """Read the reference of a study.

        Raises:
            UserError: when the folder is no study, or the file is damaged.
        """
        path = Path(study_dir) / FILE
        try:
            data = read_json(path, "restore it, or delete it and run the study again")
        except FileNotFoundError as error:
            raise UserError(f"{study_dir} is not a study that has run: it has no {FILE}.") from error
        return cls.from_json(data)
